// SPDX-License-Identifier: MIT
// Pictures of a page of a run: node gallery.mjs PAGE.html FOLDER
import {chromium} from 'playwright-core';

const [page, folder] = process.argv.slice(2);
const pictures = [
  {name: 'query', link: '#query/1', colorScheme: 'light', viewport: {width: 1280, height: 860}},
  {name: 'overview', link: '#overview/1', colorScheme: 'dark', viewport: {width: 1280, height: 860}},
  {name: 'phone', link: '#query/1', colorScheme: 'dark', viewport: {width: 390, height: 844}},
];
const browser = await chromium.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});
for (const {name, link, ...options} of pictures) {
  const tab = await browser.newPage(options);
  await tab.goto(`file://${page}${link}`);
  while (!(await tab.evaluate(() => document.documentElement.dataset.ready))) {
    await tab.waitForTimeout(20);
  }
  if (name === 'overview') {
    await tab.evaluate(() => document.querySelector('.groups').closest('section').scrollIntoView());
    await tab.evaluate(() => scrollBy(0, -60));
  }
  await tab.screenshot({path: `${folder}/${name}.png`});
}
await browser.close();

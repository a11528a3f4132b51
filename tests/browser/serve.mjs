// SPDX-License-Identifier: MIT
// Ask at the page of attrib serve as people do: node serve.mjs URL ANSWER.json, the answer being that of attrib query to
// the prompt that it holds. Each check prints a line; the exit status is 1 where one fails.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {chromium} from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const [url, path] = process.argv.slice(2);
const answer = JSON.parse(readFileSync(path, 'utf8'));
const browser = await chromium.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});
const page = await browser.newPage({viewport: {width: 1280, height: 900}});
const faults = [];
let isExpected = false; // a refusal, of which the console tells too
let failures = 0;

page.on('console', (message) => isExpected || faults.push(`console: ${message.text()}`));
page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
page.on('dialog', (dialog) => {
  faults.push('a dialog');
  dialog.dismiss();
});
page.on('request', (request) => request.url().startsWith(url) || request.url() === 'data:,' || faults.push(`request: ${request.url()}`));

function equal(got, wanted, what) {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
  }
}

async function check(name, work) {
  try {
    await work();
    console.log(`ok    ${name}`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}

// Wait until a function is true in the page, whose policy forbids what Playwright would poll by.
async function until(isSo, argument) {
  for (let i = 0; i < 3000; i++) {
    if (await page.evaluate(isSo, argument)) {
      return;
    }
    await page.waitForTimeout(20);
  }
  throw new Error(`never true: ${isSo}; ${await page.evaluate(() => document.getElementById('progress').textContent)}`);
}

async function ask(prompt, completion, exact) {
  await page.evaluate(() => delete document.documentElement.dataset.answered);
  await page.fill('#prompt', prompt);
  await page.fill('#completion', completion);
  await page.fill('#exact', String(exact));
  await page.click('#send');
}

// What the page asks with these fields filled in, and the documents that it shows then.
async function askWith(fields) {
  for (const [id, value] of Object.entries(fields)) {
    await page.fill(`#${id}`, value);
  }
  const sent = page.waitForRequest((request) => request.url().endsWith('/query'));
  await page.evaluate(() => delete document.documentElement.dataset.answered);
  await page.click('#send');
  const question = JSON.parse((await sent).postData());
  await until(() => document.documentElement.dataset.answered);
  for (const id of Object.keys(fields)) {
    await page.fill(`#${id}`, '');
  }
  return question;
}

const names = () => page.$$eval('.document h3', (nodes) => nodes.map((node) => node.textContent));

await page.goto(url);
await until(() => document.documentElement.dataset.ready === 'yes');
await check('the page says what is asked', async () => equal(await page.textContent('#counts'), `${answer.run.n_documents} documents`, 'documents'));
await ask(answer.query.prompt, '', answer.results.length);
await until(() => document.documentElement.dataset.answered);
await check('documents stand in the order of the answer', async () => {
  equal(await names(), answer.results.map((result) => result.document.id), 'favouring');
  equal((await page.textContent('#answer .completion')).trim(), answer.query.completion.trim(), 'completion');
});
await check('text is coloured, and is all there', async () => {
  equal(await page.evaluate(() => document.querySelectorAll('.document .u.p6, .document .u.n6').length > 0), true, 'colours');
  const shown = await page.$$eval('.document .text', (nodes) => nodes.map((node) => node.textContent.replaceAll('◆', '').trim()));
  equal(shown, answer.results.map((result) => result.document.text.trim()), 'texts');
});
await check('a word tells its share', async () => {
  await page.hover('.document .u.p6');
  equal(await page.isVisible('#tip'), true, 'tip');
});
await check('those that oppose', async () => {
  await page.click('.switch .is-oppose');
  equal(await names(), answer.opposed.map((result) => result.document.id), 'opposing');
});
await check('tokens, details', async () => {
  await page.click('.switch [aria-pressed="false"]:text("Tokens")');
  await page.click('.document button:text("Details")');
  equal(await page.$$eval('.details', (nodes) => nodes.length), 1, 'details');
});
await check('rules of accessibility', async () => {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => window.axe.run({resultTypes: ['violations']}));
  equal(result.violations.map((violation) => violation.id), [], 'violations');
});
await check('some of the documents', async () => {
  await ask(answer.query.prompt, answer.query.completion, 3);
  await until(() => document.documentElement.dataset.answered);
  const all = await names();
  const question = await askWith({where: ' kind=place \n\n'});
  equal([question.where, question.exact], [['kind=place'], 3], 'asked');
  const reply = await page.evaluate(async (body) => (await fetch('query', {method: 'POST',
    headers: {'Content-Type': 'application/json'}, body: JSON.stringify({...body, stages: false})})).json(), question);
  equal(reply.results.every((result) => result.document.tags.kind === 'place'), true, 'tags');
  equal(await names(), reply.results.map((result) => result.document.id), 'favouring');
  equal((await names()).length > 0 && JSON.stringify(await names()) !== JSON.stringify(all), true, 'others');
});
await check('other limits', async () => {
  const timed = await askWith({time: '0.5'});
  equal([timed.time, timed.exact, timed.certify], [0.5, undefined, undefined], 'time');
  const certain = await askWith({certify: '0.5', time: '30'});
  equal([certain.time, certain.exact, certain.certify], [30, undefined, 0.5], 'certainty');
  equal(await page.isDisabled('#exact'), false, 'without them');
});
await check('what is asked is text', async () => {
  await ask('<img src=x onerror=alert(1)> \u202e', ' </script><script>alert(2)</script>', 1);
  await until(() => document.documentElement.dataset.answered);
  equal(await page.textContent('#answer .prompt'), '<img src=x onerror=alert(1)> ‹U+202E›', 'prompt');
});
await check('a refusal is shown', async () => {
  isExpected = true;
  await ask('x '.repeat(1000), ' y', 1);
  await until(() => document.querySelector('#progress.warning'));
  equal((await page.textContent('#progress')).includes('the context holds'), true, 'why');
});
await check('nothing that a page must not do', async () => equal(faults, [], 'faults'));
await browser.close();
process.exit(failures ? 1 : 0);

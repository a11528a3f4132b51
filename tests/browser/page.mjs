// SPDX-License-Identifier: MIT
// Open pages of runs in Chromium and use them as people do: node page.mjs KIND=PAGE.html,RUN.jsonl...
// A KIND names what is tried beyond what is tried of every page: facts, methods, runs, sum, large, hostile.
// Each check prints a line; the exit status is 1 where one fails.
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {chromium} from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const browser = await chromium.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});
let failures = 0;

function assert(condition, message) {
  if (!condition) {
    throw new Error(message);
  }
}

function equal(got, wanted, what) {
  assert(Object.is(got, wanted), `${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}

async function check(name, work) {
  try {
    const said = await work();
    console.log(`ok    ${name}${said ? `: ${said}` : ''}`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}

// Wait until a function is true in the page, whose policy forbids what Playwright would poll by.
async function until(page, isSo, argument) {
  for (let i = 0; i < 1000; i++) {
    if (await page.evaluate(isSo, argument)) {
      return;
    }
    await page.waitForTimeout(20);
  }
  throw new Error(`never true: ${isSo}`);
}

// A page with a record of all that it must not do.
async function open(path, options = {}, link = '') {
  const page = await browser.newPage({viewport: {width: 1280, height: 900}, ...options});
  const faults = [];
  page.on('console', (message) => faults.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    faults.push('a dialog');
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`file://${path}`) && request.url() !== 'data:,') {
      faults.push(`request: ${request.url()}`);
    }
  });
  page.on('popup', () => faults.push('a window'));
  await page.goto(`file://${path}${link}`);
  await until(page, () => document.documentElement.dataset.ready);
  return {page, faults};
}

// Use a page; whatever was wrong with it fails the check.
async function using(path, options, work, link) {
  const {page, faults} = await open(path, options, link);
  try {
    const said = await work(page);
    await page.waitForTimeout(50);
    equal(faults.join('; '), '', 'faults');
    return said;
  } finally {
    await page.close();
  }
}

const key = (page, name) => page.keyboard.press(name);
const visible = (page, selector) => page.locator(selector).first().isVisible();
const texts = (page, selector) => page.locator(selector).allInnerTexts();
const numberOf = (text) => Number(text.replace('−', '-').replace(/[+,%\s]/g, ''));

// Violations of rules of accessibility that axe knows.
async function violations(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => window.axe.run(document, {resultTypes: ['violations']}));
  return result.violations.map((rule) => `${rule.id} (${rule.impact}): ${rule.nodes.slice(0, 2).map((node) => node.target).join(' ')}`);
}

// 1. What holds of every page

async function checkAccess(path, scheme, viewport) {
  await using(path, {colorScheme: scheme, viewport}, async (page) => {
    const found = [];
    const look = async (name) => found.push(...(await violations(page)).map((rule) => `${name}: ${rule}`));
    await page.locator('.document button.small').first().click();
    await page.locator('.chart button').first().click();
    await look('query');
    await key(page, 'o');
    await look('opposing');
    await key(page, '2');
    await look('overview');
    await key(page, '3');
    await look('about');
    await key(page, '?');
    await look('keys');
    equal(found.join('; '), '', 'axe');
  });
}

async function checkWidth(path, width) {
  await using(path, {viewport: {width, height: 800}}, async (page) => {
    for (const view of ['1', '2', '3']) {
      await key(page, view);
      const over = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
      assert(over <= 0, `view ${view} is ${over} pixels wider than the screen`);
    }
  });
}

// The policy holds: what is put into the page by force does not run, and nothing leaves it.
async function checkPolicy(path) {
  let hits = 0;
  const server = createServer((request, response) => {
    hits++;
    response.end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const {page} = await open(path);
  const blocked = await page.evaluate(async (port) => {
    const events = [];
    document.addEventListener('securitypolicyviolation', (event) => events.push(event.effectiveDirective));
    const script = document.createElement('script');
    try {
      script.textContent = 'window.ran = true';
      document.body.append(script);
    } catch {
      events.push('trusted types');
    }
    try {
      document.body.innerHTML += '<img src=x onerror="window.ran = true">';
    } catch {
      events.push('trusted types');
    }
    const image = new Image();
    image.src = `http://127.0.0.1:${port}/x.png`;
    await fetch(`http://127.0.0.1:${port}/`).catch(() => {});
    await new Promise((done) => setTimeout(done, 100));
    return {events, ran: window.ran};
  }, server.address().port);
  await page.close();
  server.close();
  equal(blocked.ran, undefined, 'what was put in ran');
  for (const wanted of ['trusted types', 'img-src', 'connect-src']) {
    assert(blocked.events.includes(wanted), `no violation of ${wanted}: ${blocked.events}`);
  }
  equal(hits, 0, 'requests that arrived');
}

async function checkPrint(path) {
  await using(path, {colorScheme: 'dark'}, async (page) => {
    await page.emulateMedia({media: 'print'});
    assert(!(await visible(page, '.bar')) && !(await visible(page, '.tools')), 'controls are printed');
    assert(await visible(page, '.document .text'), 'documents are not');
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    equal(await page.locator('.more:not([hidden])').count(), 0, 'lists that are cut');
    const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    assert(/rgb\(25\d, 25\d, 25\d\)/.test(ground), `printed on ${ground}`);
  });
}

async function checkEvery(kind, path) {
  await check(`${kind}: opens`, () => using(path, {}, async (page) =>
    `${await page.evaluate(() => document.documentElement.dataset.ready)} ms to the first documents`));
  await check(`${kind}: accessible in light`, () => checkAccess(path, 'light', {width: 1280, height: 900}));
  await check(`${kind}: accessible in dark`, () => checkAccess(path, 'dark', {width: 1280, height: 900}));
  await check(`${kind}: accessible on a phone`, () => checkAccess(path, 'light', {width: 390, height: 844}));
  await check(`${kind}: no wider than a phone`, () => checkWidth(path, 360));
  await check(`${kind}: no wider than a tablet`, () => checkWidth(path, 800));
  await check(`${kind}: policy`, () => checkPolicy(path));
  await check(`${kind}: print`, () => checkPrint(path));
}

// 2. What the page of the facts says and does

// Rows of the list say what the run does, and all of a text is there.
async function checkDocuments(path, answers) {
  await using(path, {}, async (page) => {
    for (const side of ['results', 'opposed']) {
      const wanted = answers[0][side];
      const ranks = (await texts(page, '.document .rank')).map((text) => numberOf(text.replace(/\D+/g, '')));
      equal(ranks.join(), wanted.map((result) => result.rank).join(), 'ranks');
      const scores = (await texts(page, '.document .score .value')).map(numberOf);
      scores.forEach((score, i) => assert(Math.abs(score - wanted[i].score) <= 0.051 + 0.01 * Math.abs(score), `score ${score}, ${wanted[i].score}`));
      await page.locator('.document button.small').first().click();
      const text = (await page.locator('.document .text').first().textContent()).replaceAll('◆', '');
      equal(text.trim(), wanted[0].document.text.trim(), 'text');
      await key(page, 'o');
      await until(page, (name) => document.querySelector(`${name}[aria-pressed=true]`), side === 'results' ? '.is-oppose' : '.is-favour');
    }
  });
}

// The tip of the strongest word says its share within the rounding, and arrow keys say the same.
async function checkWords(path, answers) {
  await using(path, {}, async (page) => {
    const result = answers[0].results[0];
    await page.getByRole('button', {name: 'Tokens', exact: true}).click();
    const strongest = result.tokens.reduce((best, token) => (Math.abs(token.score) > Math.abs(best.score) ? token : best));
    const span = page.locator('.document').first().locator('.u.p6, .u.n6').getByText(strongest.text.trim(), {exact: true}).first();
    await span.hover();
    const tip = numberOf((await page.locator('#tip b').first().innerText()));
    assert(Math.abs(tip / strongest.score - 1) < 0.006, /* three digits */ `the tip says ${tip} of ${strongest.score}`);
    await page.mouse.move(0, 0);
    await page.locator('.document button.small').first().click();
    const shares = (await page.locator('.details-tables table').first().locator('tbody td:nth-child(2)').allInnerTexts()).map(numberOf);
    const wanted = result.tokens.map((token) => token.score).sort((a, b) => Math.abs(b) - Math.abs(a));
    const root = (share) => Math.sign(share) * Math.sqrt(Math.abs(share));
    assert(shares.length >= 3, 'no shares are listed');
    shares.forEach((share, i) => assert(Math.abs(Math.abs(root(share)) - Math.abs(root(wanted[i]))) <= 0.01 * Math.abs(root(wanted[0])), `share ${share}, ${wanted[i]}`));
    const text = page.locator('.document .text').first();
    await text.focus();
    await key(page, 'Home');
    assert(/: [+−]?[\d.,]+, .* of the score/.test(await page.locator('#live').textContent()), 'nothing is said');
    const before = await page.locator('.document .at').innerText();
    await key(page, 'ArrowRight');
    assert((await page.locator('.document .at').innerText()) !== before, 'the cursor stays');
    await key(page, 'Escape');
    assert(!(await visible(page, '#tip')), 'the tip stays');
  });
}

async function checkSearch(path, answers) {
  await using(path, {}, async (page) => {
    await key(page, '/');
    equal(await page.evaluate(() => document.activeElement.id), 'search', 'focus');
    const wanted = answers.findIndex((_, i) => i === answers.length - 1);
    await page.keyboard.type(answers[wanted].query.id);
    const left = await texts(page, '#queries .meta span:first-child');
    assert(left.length >= 1 && left.length < answers.length, `${left.length} queries are left`);
    await key(page, 'ArrowDown');
    await key(page, 'Enter');
    await until(page, (completion) => document.querySelector('.completion')?.textContent === completion, answers[wanted].query.completion.trim());
    equal(await page.locator('#queries [aria-current=true]').count(), 1, 'current queries');
    await page.locator('#search').fill('nothing has these words');
    equal(await page.locator('#queries li').count(), 0, 'queries found');
  });
}

async function checkFilters(path) {
  await using(path, {}, async (page) => {
    const all = await page.locator('.document').count();
    const word = (await page.locator('.document h3').nth(1).innerText()).toLowerCase();
    await key(page, 'f');
    await page.keyboard.type(word);
    const left = await page.locator('.document').count();
    assert(left >= 1 && left < all, `${left} of ${all} documents are left`);
    await page.locator('#filter').fill('');
    equal(await page.locator('.document').count(), all, 'documents');
    const chip = page.locator('.document .tag').first();
    const name = await chip.innerText();
    await chip.click();
    for (const tags of await page.locator('.document .tags').allInnerTexts()) {
      assert(tags.includes(name), `${tags} has no ${name}`);
    }
    await page.locator('.chosen-tag').click();
    await until(page, (n) => document.querySelectorAll('.document').length === n, all);
    await page.locator('#filter').fill('nothing has these words');
    assert(await visible(page, '.empty'), 'nothing is said of an empty list');
  });
}

async function checkSorting(path) {
  await using(path, {}, async (page) => {
    await page.getByLabel('Order of documents').selectOption('tokens');
    const lengths = [];
    for (const row of await page.locator('.document').all()) {
      await row.locator('button.small').first().click();
      lengths.push(numberOf(await row.locator('.facts div', {hasText: 'Tokens'}).locator('dd').innerText()));
    }
    assert(lengths.every((n, i) => i === 0 || n <= lengths[i - 1]), `lengths ${lengths}`);
    await key(page, '2');
    const head = page.getByRole('columnheader', {name: 'Loss/token'});
    await head.getByRole('button').click();
    equal(await head.getAttribute('aria-sort'), 'descending', 'order');
    const table = page.locator('table').filter({has: head});
    const losses = (await table.locator('tbody td:nth-child(3)').allInnerTexts()).map(numberOf);
    assert(losses.every((n, i) => i === 0 || n <= losses[i - 1]), `losses ${losses}`);
  });
}

async function checkTheme(path) {
  await using(path, {colorScheme: 'light'}, async (page) => {
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    await page.locator('#theme').click();
    equal(await ground(), light, 'the light theme');
    await page.locator('#theme').click();
    assert((await ground()) !== light, 'the dark theme is light');
    await key(page, 't');
    equal(await ground(), light, 'the theme of the system');
  });
}

async function checkKeys(path, answers) {
  await using(path, {}, async (page) => {
    const isQuery = (i) => until(page, (completion) => document.querySelector('.completion')?.textContent === completion, answers[i].query.completion.trim());
    await key(page, ']');
    await isQuery(1);
    await key(page, '[');
    await isQuery(0);
    await key(page, 'j');
    await key(page, 'j');
    equal(await page.evaluate(() => [...document.querySelectorAll('.document')].indexOf(document.activeElement)), 1, 'the document in focus');
    await key(page, 'Enter');
    equal(await page.locator('.document.open').count(), 1, 'open documents');
    await key(page, 'Enter');
    equal(await page.locator('.document.open').count(), 0, 'open documents');
    await key(page, 'k');
    await key(page, '?');
    assert(await page.locator('#keys').isVisible(), 'no list of keys');
    await page.locator('#keys-on').uncheck();
    await key(page, 'Escape');
    await key(page, ']');
    await page.waitForTimeout(100);
    await isQuery(0);
  });
}

// The matrix of queries says pairs by arrow keys, on its diagonal a query with itself.
async function checkOverview(path, answers) {
  await using(path, {}, async (page) => {
    await key(page, '2');
    await page.locator('canvas').focus();
    await key(page, 'ArrowRight');
    const said = await page.locator('#live').textContent();
    const [, first, second, r] = /^(.*) and (.*): Pearson (.*), Spearman/.exec(said);
    assert(first !== second && Math.abs(numberOf(r)) <= 1, said);
    await key(page, 'ArrowDown');
    assert((await page.locator('#live').textContent()).includes(`${second} and ${second}: Pearson 1.00`), 'the diagonal');
    await page.getByText('Pairs as a table').click();
    const rows = page.locator('details tbody tr');
    assert(await rows.first().isVisible(), 'no table of pairs');
    await page.locator('.part .link').first().click();
    await until(page, (completion) => document.querySelector('.completion')?.textContent === completion, answers[0].query.completion.trim());
  });
}

// A link to a query, side and view opens them.
async function checkLinks(path, answers) {
  await using(path, {}, async (page) => {
    equal(await page.locator('.completion').innerText(), answers[2].query.completion.trim(), 'the query');
    assert(await page.locator('.is-oppose[aria-pressed=true]').isVisible(), 'the side');
  }, '#query/3/1/oppose');
  await using(path, {}, async (page) => assert(await visible(page, '.document'), 'no documents'), '#__proto__/-1/99/x');
}

async function checkFacts(path, answers) {
  await check('facts: documents', () => checkDocuments(path, answers));
  await check('facts: words and their shares', () => checkWords(path, answers));
  await check('facts: search', () => checkSearch(path, answers));
  await check('facts: filters', () => checkFilters(path));
  await check('facts: sorting', () => checkSorting(path));
  await check('facts: theme', () => checkTheme(path));
  await check('facts: keys', () => checkKeys(path, answers));
  await check('facts: overview', () => checkOverview(path, answers));
  await check('facts: links', () => checkLinks(path, answers));
}

// 3. Hostile documents

async function checkHostile(path, answers) {
  await check('hostile: all is text', () => using(path, {}, async (page) => {
    for (let i = 0; i < answers.length; i++) {
      for (const toggle of await page.locator('.document button.small').all()) {
        await toggle.click();
      }
      const seen = await page.evaluate(() => ({
        made: document.querySelectorAll('main img, main iframe, main object, main script, main a, main svg script, [onerror], [onload]').length,
        turned: /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b\ufeff]/.test(document.body.innerText.replace(/\r/g, '')),
        ran: window.ran,
      }));
      equal(JSON.stringify(seen), '{"made":0,"turned":false}', 'what is seen');
      await key(page, ']');
    }
    await key(page, '2');
    await key(page, '3');
  }));
  await check('hostile: attacks are shown', () => using(path, {}, async (page) => {
    const all = (await page.locator('main').innerText()).replace(/\s+/g, ' ');
    for (const attack of ['</script>', 'onerror=', '‹U+202E›', '__proto__']) {
      assert(all.includes(attack), `${attack} is not shown`);
    }
  }));
}

// 4. A run under several settings

async function checkMethods(path, answers) {
  await check('methods: measures', () => using(path, {}, async (page) => {
    const at = answers.findIndex((answer) => answer.query.measure === 'margin');
    const shown = async () => numberOf((await page.locator('.query-head .facts dd').first().innerText()).replace(' nats', ''));
    assert(Math.abs((await shown()) - answers[at].query.measured) < 0.01 * Math.abs(answers[at].query.measured), 'the margin');
    const sides = await texts(page, '.completion');
    equal(sides.join(), [answers[at].query.completion, answers[at].query.against].map((text) => text.trim()).join(), 'both sides');
    await key(page, ']');
    await until(page, () => document.querySelector('.facts dt').textContent === 'p(completion)');
    assert(Math.abs((await shown()) / answers[at + 1].query.measured - 1) < 0.01, 'the probability');
  }, '#query/7'));
  await check('methods: compared', () => using(path, {}, async (page) => {
    const n = answers.length / 2;
    await page.getByLabel('Method').selectOption('1');
    await until(page, () => location.hash.split('/')[2] === '2');
    const score = numberOf(await page.locator('.document .score .value').first().innerText());
    assert(Math.abs(score / answers[n].results[0].score - 1) < 0.01, `${score} of ${answers[n].results[0].score}`);
    await key(page, '2');
    const row = page.locator('table', {hasText: 'Pearson'}).locator('tbody tr').first();
    await row.waitFor();
    const common = (side) => {
      let sum = 0;
      for (let q = 0; q < n; q++) {
        const other = new Set(answers[n + q][side].map((result) => result.document.index));
        sum += answers[q][side].filter((result) => other.has(result.document.index)).length / answers[q][side].length;
      }
      return (100 * sum) / n;
    };
    const shown = (await row.locator('td').allInnerTexts()).slice(2).map(numberOf);
    ['results', 'opposed'].forEach((side, i) => assert(Math.abs(shown[i] - common(side)) <= 0.51, `${shown[i]} of ${common(side)}`));
  }));
}

// 5. Two runs, of an early and of the last checkpoint

async function checkRuns(path, answers) {
  await check('runs: each has its own completion, loss and model', () => using(path, {}, async (page) => {
    const n = answers.length / 2;
    const names = await page.getByLabel('Method').locator('option').allInnerTexts();
    assert(names.length === 2 && names[0] !== names[1], names.join());
    const models = [];
    for (const s of [0, 1]) {
      await page.getByLabel('Method').selectOption(String(s));
      await until(page, (at) => location.hash.split('/')[2] === at, String(s + 1));
      await key(page, '1');
      equal(await page.locator('.completion').first().innerText(), answers[s * n].query.completion.trim(), 'completion');
      const score = numberOf(await page.locator('.document .score .value').first().innerText());
      assert(Math.abs(score / answers[s * n].results[0].score - 1) < 0.01, `${score} of ${answers[s * n].results[0].score}`);
      await key(page, '3');
      await page.locator('dl.about').waitFor();
      models.push(await page.locator('dl.about').innerText());
    }
    assert(models[0] !== models[1] && models[0].includes(names[0].split(':')[0]), 'about tells the runs apart');
  }));
  await check('runs: compared query by query', () => using(path, {}, async (page) => {
    await key(page, '2');
    const part = page.locator('details', {hasText: 'Query by query'});
    await part.locator('summary').click();
    const rows = await part.locator('tbody tr').allInnerTexts();
    equal(rows.length, Math.min(20, answers.length / 2), 'a row a query');
    assert(rows[0].includes(answers[0].query.id), rows[0]);
  }));
}

// 6. A sum of two checkpoints, of weights 1 and -0.5

async function checkSum(path, answers) {
  await check('sum: what each checkpoint says', () => using(path, {}, async (page) => {
    await page.locator('.document').first().waitFor();
    await page.locator('.document button.small').first().click();
    const facts = page.locator('.details .facts').first();
    await facts.waitFor();
    const names = await facts.locator('dt').allInnerTexts();
    const values = (await facts.locator('dd').allInnerTexts()).map(numberOf);
    const of = (name) => values[names.findIndex((one) => one.startsWith(name))];
    equal(names.filter((name) => name.startsWith('Checkpoint')).length, 2, 'checkpoints');
    assert(names.some((name) => name.includes('weight') && /[-\u2212]0?\.5/.test(name)), names.join());
    const score = answers[0].results[0].score;
    assert(Math.abs(of('Checkpoint 1') - 0.5 * of('Checkpoint 2') - score) < 0.02 * Math.abs(of('Checkpoint 1')), `${values} of ${score}`);
  }));
}

// 7. A large run

async function checkLarge(path, answers) {
  await check('large: interactive', () => using(path, {}, async (page) => {
    const times = [];
    for (let i = 1; i < Math.min(answers.length, 10); i++) {
      times.push(await page.evaluate(async (query) => {
        const start = performance.now();
        document.querySelectorAll('#queries button')[query].click();
        while (document.querySelector('#queries [aria-current]').dataset.query !== String(query)
          || !document.querySelector('.document')) {
          await new Promise(requestAnimationFrame);
        }
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - start;
      }, i));
    }
    times.sort((a, b) => a - b);
    return `another query takes ${Math.round(times[times.length >> 1])} ms (median), ${Math.round(times.at(-1))} ms at most`;
  }));
}

const kinds = {facts: checkFacts, hostile: checkHostile, methods: checkMethods, runs: checkRuns, sum: checkSum, large: checkLarge};

for (const argument of process.argv.slice(2)) {
  const [kind, files] = argument.split('=');
  const [path, jsonl] = files.split(',');
  const answers = readFileSync(jsonl, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  await checkEvery(kind, path);
  await kinds[kind](path, answers);
}
await browser.close();
console.log(failures ? `${failures} checks failed` : 'all checks passed');
process.exitCode = failures ? 1 : 0;

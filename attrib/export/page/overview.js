/* What queries have in common, and what the run was made with. */

/* A table whose columns sort it. columns: {name, value, cell, isText}. */
function sortedTable(caption, columns, rows, nShown) {
  const table = el('table', {class: 'plain wide'});
  let order = {column: null, isDown: true};
  const all = el('button', {type: 'button', class: 'more', on: {click: () => {
    nShown = rows.length;
    fill();
  }}});
  const heads = columns.map((column) => {
    const button = el('button', {type: 'button', on: {click: () => {
      order = {column, isDown: order.column === column ? !order.isDown : !column.isText};
      rows.sort((a, b) => {
        const [x, y] = [column.value(a), column.value(b)];
        return (x < y ? -1 : x > y ? 1 : 0) * (order.isDown ? -1 : 1);
      });
      heads.forEach((head, i) => head.setAttribute('aria-sort', columns[i] === column ? (order.isDown ? 'descending' : 'ascending') : 'none'));
      fill();
    }}}, column.name);
    return el('th', {scope: 'col', class: column.isText ? '' : 'number', 'aria-sort': 'none', title: column.help}, button);
  });
  const body = el('tbody', {});
  function fill() {
    body.replaceChildren(...rows.slice(0, nShown).map((row) =>
      el('tr', {}, columns.map((column) => el('td', {class: column.isText ? '' : 'number'}, column.cell(row))))));
    all.hidden = nShown >= rows.length;
    all.textContent = `Show all ${count(rows.length)}`;
  }
  fill();
  table.append(el('caption', {class: 'hidden'}, caption), el('thead', {}, el('tr', {}, heads)), body);
  return el('div', {class: 'table-holder', tabindex: '0', role: 'group', 'aria-label': caption}, table, all);
}

/* Documents that several queries report under a setting. */
function recurring() {
  const found = new Map();
  for (let q = 0; q < run.nQueries; q++) {
    const iAnswer = state.setting * run.nQueries + q;
    for (const side of [0, 1]) {
      for (const result of resultsOf(iAnswer, side)) {
        const row = found.get(result.number) ?? {document: result.document, favoured: [], opposed: [], best: Infinity};
        (side ? row.opposed : row.favoured).push(q);
        row.best = Math.min(row.best, side ? run.answers[iAnswer].nScored - result.rank + 1 : result.rank);
        found.set(result.number, row);
      }
    }
  }
  return [...found.values()].filter((row) => row.favoured.length + row.opposed.length > 1)
    .sort((a, b) => b.favoured.length + b.opposed.length - a.favoured.length - a.opposed.length);
}

/* Links to queries, the first few. */
function queryLinks(queries, side) {
  const link = (q) => el('button', {type: 'button', class: 'link', on: {click: () => go({view: 'query', query: q, side})}}, shorten(run.queries[q].id, 40));
  return queries.slice(0, 4).flatMap((q, i) => [i ? ', ' : '', link(q)])
    .concat(queries.length > 4 ? [` and ${count(queries.length - 4)} more`] : []);
}

function recurringPart() {
  const rows = recurring();
  const columns = [
    {name: 'Document', isText: true, value: (row) => row.document.id, cell: (row) => said('span', {}, shorten(row.document.id, 80))},
    {name: 'Favours', value: (row) => row.favoured.length, cell: (row) => count(row.favoured.length)},
    {name: 'Opposes', value: (row) => row.opposed.length, cell: (row) => count(row.opposed.length)},
    {name: 'Best rank', value: (row) => -row.best, cell: (row) => count(row.best)},
    {name: 'Queries', isText: true, value: (row) => row.favoured.concat(row.opposed)[0],
      cell: (row) => el('span', {}, row.favoured.length ? queryLinks(row.favoured, 0) : queryLinks(row.opposed, 1))},
  ];
  return el('section', {class: 'part'}, el('h2', {}, 'Documents that recur'),
    el('p', {class: 'note'}, rows.length ? `${plural(rows.length, 'document')} of ${count(run.documents.length)} are reported for more than one query. Those that answer for many are often general: long, repeated or of a common form.`
      : 'No document is reported for more than one query.'),
    rows.length ? sortedTable('Documents that recur', columns, rows, 20) : null);
}

/* A histogram as small as a line of text. */
function sparkline(answer) {
  const most = Math.max(1, ...answer.bins);
  const bars = [...answer.bins].map((n, i) => n ? svg('rect', {class: answer.firstBin + i < 0 ? 'bar-oppose' : 'bar-favour',
    x: i * 2, width: 1.6, y: 18 - (18 * Math.log(n + 1)) / Math.log(most + 1), height: (18 * Math.log(n + 1)) / Math.log(most + 1)}) : null);
  return svg('svg', {class: 'spark', viewBox: `0 0 ${2 * run.nBins} 18`, 'aria-hidden': 'true'}, bars);
}

function queriesPart() {
  const rows = run.queries.map((_, q) => run.answers[state.setting * run.nQueries + q]).map((answer, q) => ({query: answer.query, q, answer}));
  const best = (row) => (row.answer.nTop ? run.scores[row.answer.first] : NaN);
  const worst = (row) => (row.answer.nBottom ? run.scores[row.answer.first + row.answer.nTop] : NaN);
  const columns = [
    {name: 'Query', isText: true, value: (row) => row.query.id, cell: (row) => queryLinks([row.q], 0)},
    {name: 'Completion', isText: true, value: (row) => row.query.completion ?? '', cell: (row) => said('span', {}, shorten((row.query.completion ?? '').trim(), 60))},
    {name: 'Loss/token', value: (row) => perToken(row.query), cell: (row) => amount(perToken(row.query))},
    {name: 'Strongest', value: best, cell: (row) => signed(best(row))},
    {name: 'Weakest', value: worst, cell: (row) => signed(worst(row))},
    {name: 'First 1 % hold', value: (row) => shareOfFirst(row.answer, 0, 0.01), cell: (row) => percent(shareOfFirst(row.answer, 0, 0.01))},
    {name: 'Scores', isText: true, value: (row) => row.q, cell: (row) => sparkline(row.answer)},
  ];
  return el('section', {class: 'part'}, el('h2', {}, 'Queries side by side'),
    el('p', {class: 'note'}, 'The share that the first 1 % of documents hold of the sum of positive scores tells whether few documents answer for a completion or many.'),
    sortedTable('Queries side by side', columns, rows, 12));
}

/* Documents that two settings report for a query, as a share of what either reports. */
function overlapOf(q, s, t, side) {
  const [a, b] = [s, t].map((setting) => new Set(resultsOf(setting * run.nQueries + q, side).map((result) => result.number)));
  const both = [...a].filter((number) => b.has(number)).length;
  return a.size ? both / Math.min(a.size, b.size) : NaN;
}

const mean = (values) => {
  const finite = values.filter((value) => Number.isFinite(value));
  return finite.length ? finite.reduce((sum, value) => sum + value, 0) / finite.length : NaN;
};

/* What a further run says of each query, next to the first setting; the page has it for
 * each setting of a further run. */
async function comparedQueries() {
  const parts = run.settings.map(async (setting, s) => {
    const analysis = await openAnalysisOf(`compare-${s}`);
    if (!analysis) {
      return null;
    }
    const [table] = analysis.tables.values();
    return el('details', {}, el('summary', {}, said('span', {}, `Query by query: ${run.settings[0].name} and ${setting.name}`)),
      el('p', {class: 'note'}, analysis.notes.join(' ')), analysisTable(table, 20));
  });
  return (await Promise.all(parts)).filter(Boolean);
}

async function methodsPart() {
  if (run.settings.length < 2) {
    return null;
  }
  const rows = [];
  run.settings.forEach((a, s) => run.settings.forEach((b, t) => {
    if (s < t) {
      const queries = run.queries.map((_, q) => q);
      rows.push({pair: `${a.name} and ${b.name}`,
        r: mean(queries.map((q) => run.answers[s * run.nQueries + q].correlation[t].r ?? NaN)),
        favour: mean(queries.map((q) => overlapOf(q, s, t, 0))), oppose: mean(queries.map((q) => overlapOf(q, s, t, 1)))});
    }
  }));
  const number = (name, key, cell) => ({name, value: (row) => row[key], cell: (row) => cell(row[key])});
  return el('section', {class: 'part'}, el('h2', {}, 'Methods compared'),
    el('p', {class: 'note'}, `Means over ${plural(run.nQueries, 'query', 'queries')}: the correlation of ${run.prefilter ? 'the' : `all ${count(run.nDocuments)}`} scores, and the part of the reported documents that both report.`),
    sortedTable('Methods compared', [{name: 'Methods', isText: true, value: (row) => row.pair, cell: (row) => said('span', {}, row.pair)},
      number('Pearson', 'r', (r) => amount(r)), number('Favouring in common', 'favour', percent), number('Opposing in common', 'oppose', percent)], rows, 120),
    await comparedQueries());
}

async function showOverview() {
  const [methods, ...parts] = await Promise.all([methodsPart(), groupsPart(), correlationsPart(), tailsPart()]);
  if (state.view === 'overview') {
    $('main').replaceChildren();
    add($('main'), [el('h2', {class: 'page-title'}, 'Overview'), methods, queriesPart(), ...parts, recurringPart()]);
  }
}

/* About. */

async function leftOut() {
  const notes = [...Object.values(run.leftOut), (await chunk('groups')).json.leftOut ?? []].flat();
  if (run.nEach < run.nReported) {
    notes.push(`Of ${count(run.nReported)} documents that the run reports at each end, the first ${count(run.nEach)} are in this page: all of them would make it too large. attrib export --format jsonl has all.`);
  }
  if (run.prefilter) {
    notes.push(`Only the documents that a filter let through were scored for each query (${run.prefilter}); ranks and charts are among these, and what holds of the whole corpus is not told.`);
  }
  for (const {title, queryRank, largestBound, nOpen} of run.runs.filter((one) => one.queryRank)) {
    notes.push(`${run.runs.length > 1 ? `${title}: queries` : 'Queries'} were cut to rank ${count(queryRank)}: scores of all documents, and charts of them, are approximate, each within ${amount(largestBound)}. The reported documents and their scores are exact${nOpen ? `, but for ${count(nOpen)} pairs that might stand among them` : ''}.`);
  }
  for (const {title, assumedError} of run.runs.filter((one) => one.precision === 'bf16')) {
    notes.push(`${run.runs.length > 1 ? `${title}: products` : 'Products'} were in bf16: scores of all documents, and charts of them, are approximate, 99 of 100 of those that were scored again in f32 within ${amount(assumedError)}. The reported documents have their scores in f32.`);
  }
  return notes;
}

/* What numbers of tokens are. */
const tokenKinds = {
  position: 'A token’s share belongs to the position that predicts it. Shares of tokens sum to the score of their document, and so do shares of modules.',
  output: 'A token’s number is its influence as an output: how its own prediction changes as all weights do. They sum to the score of their document, and so do shares of modules.',
  input: 'A token’s number is its influence as an input: what the score changes by as its vector grows. These have no sum; shares of modules sum to the score of their document.',
};

async function showAbout() {
  const setting = run.settings[state.setting];
  const notes = await leftOut();
  if (state.view !== 'about') {
    return;
  }
  const facts = [...(run.runs.length > 1 ? [['Run', made().title]] : []), ['Program', `attrib ${run.version}`], ['Command', made().command || '–'], ['Strategy', setting.strategy], ['Damping', setting.damping],
    ['Scores divided by', {none: 'nothing', nats: 'the loss of the query', unit: 'the norms of both gradients'}[run.normalize] ?? run.normalize],
    ['Queries', count(run.nQueries)], ['Documents', count(run.nDocuments)], ['Tokens', count(run.nTokens)],
    ['Parameters tracked', hasModules() ? `${percent(made().trackedShare)}, ${plural(made().modules.length, 'module')}` : '–'],
    ['Model', made().modelHash], ['Corpus', made().corpusHash], ['Factors', made().factorsHash || '–'], ['Day of the chat template', made().corpusDate || '–']];
  $('main').replaceChildren();
  add($('main'), [el('h2', {class: 'page-title'}, 'About this run'),
    el('section', {class: 'part prose'},
      el('p', {}, `${setting.meaning.charAt(0).toUpperCase()}${setting.meaning.slice(1)}.`),
      el('p', {}, `${tokenKinds[run.tokenKind]} Here each is rounded to 8 bits, small ones more finely than large ones.`),
      notes.map((note) => el('p', {class: 'warning'}, note))),
    el('section', {class: 'part'}, el('h2', {}, 'Made with'),
      el('dl', {class: 'about'}, facts.map(([name, value]) => [el('dt', {}, name), said('dd', {}, value)]))),
    el('section', {class: 'part prose'}, el('h2', {}, 'This page'),
      el('p', {}, 'One file without a network: it loads nothing and sends nothing. Its style, script and charts are attrib’s own, under the MIT licence.'))]);
}

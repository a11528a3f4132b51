/* Tables of analyses, and the correlation of queries as a matrix. */

/* An analysis under the setting that is shown: {notes, tables by name, each with columns
 * by name}, or null where the page has none. */
const openAnalysis = (kind) => openAnalysisOf(`${kind}-${state.setting}`);

async function openAnalysisOf(name) {
  const opened = await chunk(name);
  if (!opened) {
    return null;
  }
  const texts = opened.json.texts.map((line) => line.text);
  const tables = new Map(opened.json.tables.map((table) => [table.name, {...table,
    columns: new Map(table.columns.map((column) => [column.name, {...column, cells: column.isText
      ? Array.from(opened.array(Uint32Array, column.cells, table.nRows), (place) => texts[place] ?? '')
      : opened.array(Float32Array, column.cells, table.nRows)}]))}]));
  return {notes: opened.json.notes.map((line) => line.text), tables};
}

const heading = (name) => {
  const words = name.replaceAll('_', ' ').replace('top 1 percent', 'first 1 %');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/* A cell of an analysis by its unit. */
function cellOf(column, value) {
  if (column.isText) {
    return said('span', {}, shorten(value, 60));
  }
  if (Number.isNaN(value)) {
    return '–';
  }
  return column.unit === 'share' ? percent(value) : column.unit === 'documents' ? brief(Math.round(value)) : amount(value);
}

/* A table of an analysis; `details` are columns that listings leave out. */
function analysisTable(table, nShown) {
  const columns = [...table.columns.values()].filter((column) => !column.isDetail).map((column) => ({
    name: heading(column.name), help: column.help, isText: column.isText,
    value: (i) => (Number.isNaN(column.cells[i]) ? -Infinity : column.cells[i]), cell: (i) => cellOf(column, column.cells[i])}));
  return sortedTable(table.title, columns, Array.from({length: table.nRows}, (_, i) => i), nShown);
}

/* The law that the tail of a query follows, or null. */
async function lawOf(iQuery) {
  if (!run.hasTails) {
    return null;
  }
  const table = (await openAnalysis('tail')).tables.get('tail');
  const at = (name) => table.columns.get(name).cells[iQuery];
  return at('n_tail') > 0 ? {alpha: at('alpha'), low: at('alpha_low'), high: at('alpha_high'), from: at('x_min'), n: at('n_tail'), p: at('p')} : null;
}

/* The matrix of correlations: {order, cluster, r(i, j), rho(i, j)}. */
async function openCorrelations() {
  const analysis = await openAnalysis('queries');
  if (!analysis) {
    return null;
  }
  const places = new Map(run.queries.map((query, i) => [query.id, i]));
  const pairs = analysis.tables.get('queries').columns;
  const n = run.nQueries;
  const read = (name) => {
    const matrix = new Float32Array(n * n).fill(1);
    pairs.get('query').cells.forEach((id, k) => {
      const [i, j] = [places.get(id), places.get(pairs.get('other').cells[k])];
      matrix[i * n + j] = matrix[j * n + i] = pairs.get(name).cells[k];
    });
    return (i, j) => matrix[i * n + j];
  };
  const clusters = analysis.tables.get('clusters').columns;
  const order = new Array(n);
  clusters.get('place').cells.forEach((place, i) => (order[place - 1] = i));
  return {analysis, order, cluster: clusters.get('cluster').cells, r: read('pearson'), rho: read('spearman')};
}

const MATRIX_PIXELS = 560;

/* Paint the matrix in the colours of the theme. */
function paintMatrix(canvas, matrix) {
  const n = run.nQueries;
  const cell = Math.max(2, Math.floor(MATRIX_PIXELS / n));
  canvas.width = canvas.height = cell * n;
  const context = canvas.getContext('2d');
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => `rgb(${style.getPropertyValue(name).trim().split(/\s+/).join(', ')})`;
  const [warm, cool] = [colour('--p'), colour('--n')];
  const gap = cell > 5 ? 1 : 0;
  matrix.order.forEach((i, row) => matrix.order.forEach((j, column) => {
    const r = matrix.r(i, j);
    context.globalAlpha = Number.isFinite(r) ? Math.abs(r) ** 0.7 : 0;
    context.fillStyle = r < 0 ? cool : warm;
    context.fillRect(column * cell, row * cell, cell - gap, cell - gap);
    if (r < -0.15 && cell >= 7) { /* the sign by more than colour */
      context.globalAlpha = 1;
      context.fillStyle = style.getPropertyValue('--ink');
      context.fillRect(column * cell + cell / 2 - 2, row * cell + cell / 2 - 0.5, 4, 1);
    }
  }));
  context.globalAlpha = 1;
  context.strokeStyle = style.getPropertyValue('--ink');
  let start = 0;
  for (let row = 1; row <= n; row++) {
    if (row === n || matrix.cluster[matrix.order[row]] !== matrix.cluster[matrix.order[start]]) {
      if (row - start > 1) {
        context.strokeRect(start * cell + 0.5, start * cell + 0.5, (row - start) * cell - 1, (row - start) * cell - 1);
      }
      start = row;
    }
  }
  return cell;
}

function pairText(matrix, i, j) {
  return `${shorten(run.queries[i].id, 60)} and ${shorten(run.queries[j].id, 60)}: Pearson ${amount(matrix.r(i, j))}, Spearman ${amount(matrix.rho(i, j))}`;
}

/* The drawing, with a cursor by pointer and by arrow keys. */
function matrixDrawing(matrix) {
  const canvas = el('canvas', {class: 'matrix', tabindex: '0', role: 'img', 'aria-label':
    `Correlations of ${count(run.nQueries)} queries in the order of their clusters; arrow keys say those of pairs, and the table below lists them`});
  paintMatrix(canvas, matrix);
  const n = run.nQueries;
  const at = [0, 0];
  const show = (x, y) => {
    const box = canvas.getBoundingClientRect();
    const [left, top] = [box.left + ((x + 0.5) * box.width) / n, box.top + ((y + 0.5) * box.height) / n];
    const text = pairText(matrix, matrix.order[y], matrix.order[x]);
    showTip({getBoundingClientRect: () => ({left, width: 0, top: top - 8, bottom: top + 8})}, [text]);
    return text;
  };
  const placeOf = (event) => ['X', 'Y'].map((axis) => Math.max(0, Math.min(n - 1, Math.floor((event[`offset${axis}`] * n) / canvas.clientWidth))));
  canvas.addEventListener('pointermove', (event) => show(...placeOf(event)));
  canvas.addEventListener('pointerleave', hideTip);
  canvas.addEventListener('blur', hideTip);
  canvas.addEventListener('click', (event) => go({view: 'query', query: matrix.order[placeOf(event)[1]]}));
  canvas.addEventListener('keydown', (event) => {
    const by = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
    if (by) {
      event.preventDefault();
      by.forEach((step, i) => (at[i] = Math.max(0, Math.min(n - 1, at[i] + step))));
      say(show(...at));
    }
  });
  return canvas;
}

/* Clusters of more than one query, as lists of links. */
function clusterList(matrix) {
  const members = new Map();
  matrix.order.forEach((i) => members.set(matrix.cluster[i], [...(members.get(matrix.cluster[i]) ?? []), i]));
  const several = [...members.values()].filter((queries) => queries.length > 1).sort((a, b) => b.length - a.length);
  return el('div', {class: 'clusters'}, el('h3', {}, several.length ? 'Clusters' : 'No two queries are in one cluster'),
    el('ol', {}, several.slice(0, 12).map((queries) => el('li', {}, el('b', {}, plural(queries.length, 'query', 'queries')), ' ', queryLinks(queries, 0)))));
}

async function correlationsPart() {
  const matrix = await openCorrelations();
  if (!matrix) {
    return run.nQueries < 2 ? null : el('section', {class: 'part'}, el('h2', {}, 'Queries that rank alike'),
      el('p', {class: 'note'}, run.leftOut.correlations));
  }
  return el('section', {class: 'part'}, el('h2', {}, 'Queries that rank alike'),
    el('p', {class: 'note'}, `Pearson’s correlation of the scores of all ${count(run.nDocuments)} documents, in an order that puts what is alike side by side. `, matrix.analysis.notes.join(' ')),
    el('div', {class: 'matrix-row'}, matrixDrawing(matrix), clusterList(matrix)),
    el('details', {}, el('summary', {}, 'Pairs as a table'), analysisTable(matrix.analysis.tables.get('queries'), 20)));
}

async function tailsPart() {
  const analysis = await openAnalysis('tail');
  if (!analysis) {
    return el('section', {class: 'part'}, el('h2', {}, 'Tails and concentration'), el('p', {class: 'note'}, run.leftOut.tails));
  }
  return el('section', {class: 'part'}, el('h2', {}, 'Tails and concentration'),
    el('p', {class: 'note'}, 'A power law of the largest scores of each query, and how few documents hold the positive influence. Columns say what they are on hover.'),
    analysisTable(analysis.tables.get('tail'), 10));
}

/* Groups of documents for groups of queries. */

/* What a cell of the table of groups says, how it is coloured, and what marks it. */
const measures = {
  enrichment: {name: 'Among the first', size: (v) => Math.log2(v) / 2, text: (v) => `${amount(v)}×`, rate: 'rate'},
  opposing: {name: 'Among the last', size: (v) => Math.log2(v) / 2, text: (v) => `${amount(v)}×`, rate: 'opposing_rate'},
  lift: {name: 'Lift of positive influence', size: (v) => Math.log2(v) / 2, text: (v) => `${amount(v)}×`, rate: null},
  mean: {name: 'Mean score', size: (v, most) => v / most, text: signed, rate: null},
};

const RATE = 0.05; /* false discoveries among the cells that are marked */

function groupsTable(table, measure) {
  const cells = (name) => table.columns.get(name).cells;
  const rows = [...new Set(cells('documents'))];
  const columns = [...new Set(cells('queries'))];
  const places = new Map(cells('documents').map((name, i) => [JSON.stringify([name, cells('queries')[i]]), i]));
  const values = cells(measure);
  const {size, text, rate} = measures[measure];
  const most = Math.max(...[...values].filter(Number.isFinite).map(Math.abs), 1e-300);
  const cell = (row, column) => {
    const i = places.get(JSON.stringify([row, column]));
    if (i === undefined || Number.isNaN(values[i])) {
      return el('td', {class: 'number'}, '–');
    }
    const share = Math.max(-1, Math.min(1, size(values[i], most)));
    return el('td', {class: `number group ${levelOf(share, 1)}`}, text(values[i]), rate && cells(rate)[i] <= RATE ? el('b', {title: 'No chance'}, ' *') : '');
  };
  const sizeOf = (row) => cells('n_documents')[cells('documents').indexOf(row)];
  return el('div', {class: 'table-holder', tabindex: '0', role: 'group', 'aria-label': 'Groups'}, el('table', {class: 'plain groups'},
    el('caption', {class: 'hidden'}, measures[measure].name),
    el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, 'Documents'), el('th', {scope: 'col', class: 'number'}, 'How many'),
      columns.map((name) => said('th', {scope: 'col', class: 'number'}, shorten(name, 30))))),
    el('tbody', {}, rows.map((row) => el('tr', {}, said('th', {scope: 'row', title: row}, row.length > 60 ? `…${row.slice(-60)}` : row), el('td', {class: 'number'}, count(sizeOf(row))),
      columns.map((column) => cell(row, column)))))));
}

async function groupsPart() {
  const {groupings: all, leftOut} = (await chunk('groups')).json;
  const groupings = all.map((grouping, i) => ({...grouping, i})).filter((grouping) => grouping.setting === state.setting);
  if (!groupings.length) {
    return leftOut ? el('section', {class: 'part'}, el('h2', {}, 'Which documents help which queries'), el('p', {class: 'note'}, leftOut)) : null;
  }
  const holder = el('div', {});
  const note = el('p', {class: 'note'});
  const first = groupings.find((grouping) => grouping.documents !== 'source') ?? groupings[0];
  const chosen = {grouping: String(first.i), measure: 'enrichment'};
  const draw = async () => {
    const analysis = await openAnalysisOf(`groups-${chosen.grouping}`);
    holder.replaceChildren(groupsTable(analysis.tables.get('groups'), chosen.measure));
    note.textContent = analysis.notes.join(' ');
  };
  const select = (name, label, options) => el('select', {'aria-label': label, on: {change: (event) => {
    chosen[name] = event.target.value;
    draw();
  }}}, options.map(([value, text]) => el('option', {value, selected: String(value) === chosen[name]}, text)));
  await draw();
  return el('section', {class: 'part'}, el('h2', {}, 'Which documents help which queries'),
    el('p', {class: 'note'}, `How often a group’s documents are among those at an end of the rankings, over what chance would give. * marks what remains at a rate of ${RATE} of false discoveries.`),
    el('div', {class: 'part-tools'}, select('grouping', 'Tags', groupings.map((grouping) => [grouping.i, `${shorten(grouping.documents, 40)} × ${grouping.queries === null ? 'each query' : shorten(grouping.queries, 40)}`])),
      select('measure', 'What cells say', Object.entries(measures).map(([value, {name}]) => [value, name]))), holder, note,
    leftOut ? el('p', {class: 'note'}, leftOut) : null);
}

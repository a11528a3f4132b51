/* Charts as SVG, each with its table. */

/* A figure: title, one line that says what is seen, the drawing, and a table on demand. */
function figure(title, note, drawing, table) {
  const holder = el('div', {class: 'figure-table', hidden: true, tabindex: '0', role: 'group', 'aria-label': `Table: ${title}`});
  const toggle = el('button', {type: 'button', class: 'quiet small', 'aria-expanded': 'false', on: {click: () => {
    const isShown = holder.hidden;
    if (isShown && !holder.firstChild) {
      holder.append(table());
    }
    holder.hidden = !isShown;
    toggle.setAttribute('aria-expanded', String(isShown));
  }}}, 'Table');
  return el('figure', {class: 'chart'},
    el('figcaption', {}, el('h3', {}, title), toggle, el('p', {class: 'note'}, note)),
    drawing, holder);
}

function plainTable(caption, columns, rows) {
  return el('table', {class: 'plain'}, el('caption', {}, caption),
    el('thead', {}, el('tr', {}, columns.map((name, i) => el('th', {scope: 'col', class: i ? 'number' : ''}, name)))),
    el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell, i) => el('td', {class: i ? 'number' : ''}, cell))))));
}

/* Round numbers around 0 .. largest for an axis. */
function niceStep(span, n) {
  const rough = span / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= rough);
}

const frame = {width: 340, height: 168, left: 38, right: 10, top: 8, bottom: 24};
const plotWidth = frame.width - frame.left - frame.right;
const plotHeight = frame.height - frame.top - frame.bottom;

function drawing(label, ...children) {
  return svg('svg', {viewBox: `0 0 ${frame.width} ${frame.height}`, role: 'img', 'aria-label': label}, ...children);
}

/* Powers of ten on a logarithmic axis from 1 to `most`. */
function powers(most) {
  const ticks = [];
  for (let tick = 1; tick <= most; tick *= 10) {
    ticks.push(tick);
  }
  return ticks;
}

function yTick(y, text) {
  return [svg('line', {class: 'grid', x1: frame.left, x2: frame.width - frame.right, y1: y, y2: y}),
    svg('text', {class: 'tick', x: frame.left - 5, y: y + 3.5, 'text-anchor': 'end'}, text)];
}

function xTick(x, text) {
  return svg('text', {class: 'tick', x, y: frame.height - 7, 'text-anchor': 'middle'}, text);
}

/* How many documents have which score; counts on a logarithmic axis, as most scores are
 * small and what matters is rare. */
function histogramChart(answer) {
  const {bins, width, firstBin} = answer;
  let n = bins.length;
  while (n > 1 && bins[n - 1] === 0) {
    n--;
  }
  const most = Math.max(1, ...bins);
  const y = (value) => frame.top + plotHeight * (1 - Math.log10(value + 1) / Math.log10(most + 1));
  const x = (i) => frame.left + (plotWidth * i) / n;
  const bars = [];
  for (let i = 0; i < n; i++) {
    if (bins[i]) {
      bars.push(svg('rect', {class: firstBin + i < 0 ? 'bar-oppose' : 'bar-favour', x: x(i) + 0.5, width: Math.max(0.8, plotWidth / n - 1),
        y: y(bins[i]), height: frame.top + plotHeight - y(bins[i])},
        svg('title', {}, `${plural(bins[i], 'document')} from ${signed((firstBin + i) * width)} to ${signed((firstBin + i + 1) * width)}`)));
    }
  }
  const step = niceStep(n * width, 4);
  const ticks = [];
  for (let value = Math.ceil((firstBin * width) / step) * step; value <= (firstBin + n) * width; value += step) {
    ticks.push(xTick(x(value / width - firstBin), brief(Math.abs(value) < step / 2 ? 0 : value)));
  }
  const zero = x(-firstBin);
  const picture = drawing(`Histogram of the scores of ${count(answer.nScored)} documents`,
    powers(most).map((tick) => yTick(y(tick), brief(tick))), bars,
    svg('line', {class: 'axis', x1: zero, x2: zero, y1: frame.top, y2: frame.top + plotHeight}), ticks);
  const rows = () => Array.from({length: n}, (_, i) => i).filter((i) => bins[i]).map((i) =>
    [signed((firstBin + i) * width), signed((firstBin + i + 1) * width), count(bins[i])]);
  return figure('All scores', `${plural(answer.nScored, 'document')}, counts on a log scale`, picture,
    () => plainTable('Documents by score', ['From', 'To', 'Documents'], rows()));
}

/* [{rank, score}] of one sign: where magnitudes of a step end, the number of documents
 * with at least as much. */
function tailPoints(answer, side) {
  const points = [];
  let rank = 0;
  answer.steps[side].forEach((n, step) => {
    rank += n;
    if (n && step + 1 < run.nSteps) {
      points.push({rank, score: answer.largest * 2 ** (-(step + 1) / 4)});
    }
  });
  return points;
}

/* What the first `share` of all documents hold of the sum of one sign's scores: whole
 * steps, and of the step that is cut a part as large as the part of its documents. */
function shareOfFirst(answer, side, share) {
  let left = Math.max(1, Math.round(answer.nScored * share));
  let sum = 0;
  let all = 0;
  answer.steps[side].forEach((n, step) => {
    const taken = Math.min(left, n);
    sum += n ? (answer.sums[side][step] * taken) / n : 0;
    all += answer.sums[side][step];
    left -= taken;
  });
  return all > 0 ? sum / all : NaN;
}

/* Scores by rank, both on logarithmic axes: a straight line is a power law. */
function tailChart(answer, law) {
  const sides = [0, 1].map((side) => tailPoints(answer, side));
  const all = sides.flat().filter((point) => point.rank > 0);
  const mostRank = Math.max(10, ...all.map((point) => point.rank));
  const most = answer.largest || 1;
  const least = Math.max(most * 1e-5, Math.min(most / 10, ...all.map((point) => point.score)));
  const x = (rank) => frame.left + (plotWidth * Math.log(rank)) / Math.log(mostRank);
  const y = (score) => frame.top + (plotHeight * Math.log(most / Math.max(score, least))) / Math.log(most / least);
  const lines = sides.map((points, side) => svg('polyline', {class: side ? 'line-oppose' : 'line-favour',
    points: points.filter((point) => point.score >= least).map((point) => `${x(point.rank).toFixed(1)},${y(point.score).toFixed(1)}`).join(' ')}));
  const yTicks = [];
  for (let tick = 10 ** Math.floor(Math.log10(most)); tick >= least; tick /= 10) {
    yTicks.push(yTick(y(tick), brief(tick)));
  }
  if (law && law.from < most) {
    const at = (score) => `${x(Math.max(1, law.n * (score / law.from) ** -law.alpha)).toFixed(1)},${y(score).toFixed(1)}`;
    lines.push(svg('polyline', {class: 'line-law', points: `${at(Math.min(most, law.from * law.n ** (1 / law.alpha)))} ${at(Math.max(least, law.from))}`}));
  }
  const picture = drawing('Magnitude of scores by rank, both on log scales', yTicks, lines,
    powers(mostRank).map((tick) => xTick(x(tick), brief(tick))));
  return figure('Tail', tailNote(answer, law), picture,
    () => plainTable('Documents with at least a score', ['At least', 'Favouring', 'Opposing'], tailRows(answer)));
}

function tailNote(answer, law) {
  const note = `The first 1 % of documents hold ${percent(shareOfFirst(answer, 0, 0.01))} of the positive influence`;
  if (!run.hasTails) {
    return `${note}. ${run.leftOut.tails}`;
  }
  if (!law) {
    return note;
  }
  return `${note}; ${law.p > 0.1 ? 'a power law' : 'no power law (p ≤ 0.1), at best one'} with exponent ${law.alpha.toFixed(2)} (${law.low.toFixed(2)} to ${law.high.toFixed(2)})`;
}

function tailRows(answer) {
  let n = [0, 0];
  const rows = [];
  for (let step = 0; step + 1 < run.nSteps; step++) {
    n = n.map((before, side) => before + answer.steps[side][step]);
    if (answer.steps[0][step] || answer.steps[1][step]) {
      rows.push([amount(answer.largest * 2 ** (-(step + 1) / 4)), count(n[0]), count(n[1])]);
    }
  }
  return rows;
}

/* A module's layer, or -1, and its kind: what is left of its name. */
function splitModule(name) {
  const match = /^(.*?)\.(\d+)\.(.*)$/.exec(name);
  return match ? {layer: Number(match[2]), kind: match[3]} : {layer: -1, kind: name};
}

/* The grid of layers and kinds of modules: {kinds, layers, at(kind, layer) -> place}. */
function moduleGrid() {
  const places = made().modules.map((module) => splitModule(module.name));
  const kinds = [...new Set(places.map((place) => place.kind))];
  const layers = [...new Set(places.map((place) => place.layer))].sort((a, b) => a - b);
  const cells = new Map(places.map((place, i) => [`${place.layer} ${place.kind}`, i]));
  return {kinds, layers, at: (kind, layer) => cells.get(`${layer} ${kind}`)};
}

const layerName = (layer) => (layer < 0 ? '–' : String(layer));
const kindName = (kind) => kind.replace(/^(mlp|self_attn|attn)\./, '').replace(/_proj$/, '');

/* Sums of modules' shares, by layer across and kind down. */
function layersChart(sums, note) {
  const {kinds, layers, at} = moduleGrid();
  const most = Math.max(...sums.map(Math.abs), 0);
  const left = 58;
  const cell = Math.min(46, (frame.width - left - 6) / Math.max(1, layers.length));
  const height = Math.min(26, 124 / Math.max(1, kinds.length));
  const cells = kinds.flatMap((kind, row) => [
    svg('text', {class: 'tick', x: left - 6, y: 8 + row * height + height / 2 + 3.5, 'text-anchor': 'end'},
      svg('title', {}, kind), shorten(kindName(kind), 9)),
    ...layers.map((layer, column) => {
      const place = at(kind, layer);
      if (place === undefined) {
        return null;
      }
      const value = sums[place];
      const box = svg('g', {},
        svg('rect', {class: `cell ${levelOf(value, most)}`, x: left + column * cell + 1, y: 8 + row * height + 1, width: Math.max(1, cell - 2), height: height - 2, rx: 2}),
        value < 0 && levelOf(value, most) && cell >= 12
          ? svg('text', {class: 'cell-sign', x: left + (column + 0.5) * cell, y: 8 + (row + 0.5) * height + 4, 'text-anchor': 'middle'}, '−') : null,
        svg('title', {}, `${made().modules[place].name}: ${signed(value)}`));
      return box;
    })]);
  const every = Math.ceil(layers.length / 12);
  const labels = layers.map((layer, column) => column % every ? null
    : svg('text', {class: 'tick', x: left + (column + 0.5) * cell, y: 8 + kinds.length * height + 14, 'text-anchor': 'middle'}, layerName(layer)));
  const total = sums.reduce((sum, value) => sum + value, 0);
  const bottom = 8 + kinds.length * height + 22;
  const picture = svg('svg', {viewBox: `0 0 ${frame.width} ${Math.max(bottom, 60)}`, role: 'img',
    'aria-label': 'Shares of the score by layer and kind of module'}, cells, labels);
  return figure('Layers', note, picture, () => plainTable('Shares by module', ['Module', 'Share', 'Of the sum'],
    made().modules.map((module, i) => [module.name, signed(sums[i]), percent(sums[i] / total)])));
}

/* The documents of an answer: a list that is filtered, sorted and opened. */

const EXCERPT_UNITS = 70;
const FIRST_ROWS = 12; /* more than a screen shows */
const ROWS_AT_ONCE = 30;

/* Where a document stands in its corpus. */
function placeOf(document) {
  return document.source + (document.member ? `:${document.member}` : '') + (document.line ? `:${document.line}` : '');
}

/* The folder that all documents stand in is left out of lists. */
let commonFolder = null;

function shortPlaceOf(document) {
  commonFolder ??= run.documents.reduce((folder, {source}) => {
    let n = 0;
    while (n < folder.length && folder[n] === source[n]) {
      n++;
    }
    return folder.slice(0, folder.lastIndexOf('/', n - 1) + 1);
  }, run.documents[0].source.replace(/[^/]*$/, ''));
  return placeOf(document).slice(commonFolder.length);
}

/* Whether a result is among those that the filters leave. */
function passes(result, filters) {
  const {document} = result;
  const hasTag = ({key, value}) => document.tags.some((tag) => tag.key === key && tag.value === value);
  if (!filters.tags.every(hasTag)) {
    return false;
  }
  if (!filters.words.length) {
    return true;
  }
  result.searched ??= [document.id, placeOf(document), ...document.tags.map((tag) => `${tag.key}=${tag.value}`),
    tokenTexts(spelling(result.number)).map((token) => token.text).join('')].join('\n').toLowerCase();
  return filters.words.every((word) => result.searched.includes(word));
}

const orders = {
  rank: (a, b) => Math.abs(b.score) - Math.abs(a.score) || a.rank - b.rank,
  tokens: (a, b) => b.document.tokens - a.document.tokens || a.place - b.place,
  place: (a, b) => a.document.index - b.document.index,
};

function tagChips(document, onTag) {
  return document.tags.map((tag) => el('button', {type: 'button', class: 'tag', title: `Only documents with ${tag.key} = ${shorten(tag.value, 80)}`,
    on: {click: () => onTag(tag)}}, el('span', {class: 'key'}, shorten(tag.key, 24)), said('span', {}, shorten(tag.value, 40))));
}

/* A bar as long as the score is of the largest. */
function scoreBar(score, largest) {
  const width = largest > 0 ? (60 * Math.abs(score)) / largest : 0;
  return svg('svg', {class: 'score-bar', viewBox: '0 0 60 4', preserveAspectRatio: 'none', 'aria-hidden': 'true'},
    svg('rect', {class: 'bar-back', width: 60, height: 4}),
    svg('rect', {class: score < 0 ? 'bar-oppose' : 'bar-favour', width, height: 4}));
}

/* Everything about a document, below its text once it is opened. */
function documentDetails(heat, result, shares, context) {
  const {document} = result;
  const facts = [['Place', placeOf(document)], ['Document', `${count(document.index + 1)} of ${count(run.nDocuments)}`],
    ['Tokens', count(document.tokens)], ['Rank', `${count(result.rank)} of ${count(run.answers[state.setting * run.nQueries + state.query].nScored)}`], ['Score', signed(result.score)]];
  const each = context.opened.results[result.place].checkpoints;
  if (each) {
    made().checkpoints.forEach((one, c) =>
      facts.push([`Checkpoint ${c + 1}, weight ${amount(one.weight)}`, each[c] === null ? '–' : signed(each[c])]));
  }
  const more = heat.units.length > UNITS_AT_ONCE
    ? el('button', {type: 'button', on: {click: (event) => {
      heat.more();
      event.target.hidden = heat.end >= heat.units.length;
    }}}, `Show ${count(UNITS_AT_ONCE)} more words`) : null;
  const others = [...context.queriesOf(result.number)].filter((q) => q !== state.query);
  return el('div', {class: 'details'}, more,
    el('dl', {class: 'facts'}, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), said('dd', {}, value)))),
    others.length ? el('p', {class: 'also'}, 'Reported too for ', queryLinks(others, state.side)) : null,
    el('div', {class: 'details-tables'}, unitTable(heat, 12),
      hasModules() && made().modules.length > 1 ? layersChart([...shares.modules], 'Shares of this document’s score') : null));
}

/* One document of the list. */
function documentRow(result, context) {
  const {document} = result;
  const shares = sharesOf(context.opened, result);
  const heat = heatText(result, shares, context.areWords, EXCERPT_UNITS);
  const row = el('li', {class: 'document', tabindex: '-1'});
  const toggle = el('button', {type: 'button', class: 'quiet small', 'aria-expanded': 'false', on: {click: () => open()}}, 'Details');
  let details = null;
  function open() {
    const isOpen = details === null;
    heat.show(isOpen);
    if (isOpen) {
      details = documentDetails(heat, result, shares, context);
      row.append(details);
    } else {
      details.remove();
      details = null;
    }
    row.classList.toggle('open', isOpen);
    toggle.setAttribute('aria-expanded', String(isOpen));
    toggle.textContent = isOpen ? 'Less' : 'Details';
  }
  row.openOrClose = open;
  const also = context.queriesOf(result.number).size;
  add(row, [
    el('div', {class: 'rank'}, el('span', {class: 'hidden'}, 'Rank '), count(result.rank)),
    el('div', {class: 'score'}, el('span', {class: 'value'}, signed(result.score)), scoreBar(result.score, context.largest)),
    el('div', {class: 'content'},
      el('div', {class: 'names'}, said('h3', {}, shorten(document.id, 120)),
        document.id === placeOf(document) ? null : said('span', {class: 'place', title: placeOf(document)}, shorten(shortPlaceOf(document), 120)),
        context.opened.results[result.place].isSpurious ? el('span', {class: 'spurious', title: 'Its score stands on few of its tokens: |a|₂ / |a|₁ > 2/3 of their shares'}, 'few tokens') : null,
        also > 1 ? el('span', {class: 'place'}, `reported for ${plural(also, 'query', 'queries')}`) : null, toggle),
      document.tags.length ? el('div', {class: 'tags'}, tagChips(document, context.onTag)) : null,
      heat.node)]);
  return row;
}

/* The list of results, which grows before its end is seen. */
function documentList(results, context) {
  const list = el('ol', {class: 'documents'});
  const more = el('button', {type: 'button', class: 'more', on: {click: () => grow()}});
  let n = 0;
  function grow(nRows = ROWS_AT_ONCE) {
    for (const result of results.slice(n, n + nRows)) {
      list.append(documentRow(result, context));
    }
    n = Math.min(results.length, n + nRows);
    more.hidden = n >= results.length;
    more.textContent = `Show ${count(Math.min(ROWS_AT_ONCE, results.length - n))} more`;
  }
  grow(FIRST_ROWS);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && n < results.length) {
      grow();
    }
  }, {rootMargin: '800px'}).observe(more);
  return el('div', {}, results.length ? list : el('p', {class: 'empty'}, 'No document is left by these filters.'), more);
}

/* The view of one query: what was asked and answered, how scores are spread, and the
 * documents. */

/* The list of queries at the side. */

const perToken = (query) => query.loss / Math.max(1, query.nCompletionTokens);
const strongest = (i) => {
  const answer = run.answers[state.setting * run.nQueries + i];
  return answer.nTop ? run.scores[answer.first] : -Infinity;
};

const queryOrders = {
  given: (a, b) => a - b,
  loss: (a, b) => perToken(run.queries[b]) - perToken(run.queries[a]),
  score: (a, b) => strongest(b) - strongest(a),
  id: (a, b) => (run.queries[a].id < run.queries[b].id ? -1 : 1),
};

/* The queries that the search finds, in order. */
function foundQueries() {
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const isFound = (query) => {
    query.searched ??= [query.id, query.prompt, query.completion,
      ...query.tags.map((tag) => `${tag.key}=${tag.value}`)].join('\n').toLowerCase();
    return words.every((word) => query.searched.includes(word));
  };
  return run.queries.map((_, i) => i).filter((i) => isFound(run.queries[i])).sort(queryOrders[$('order').value]);
}

/* The last line of a prompt tells most where it is long. */
function headOf(query) {
  if (query.prompt === null) {
    return query.nRows > 1 ? `Sum of ${count(query.nRows)} queries` : `${count(query.nTokens)} token ids`;
  }
  const text = query.prompt.trim().replace(/\s+/g, ' ');
  return text.length > 90 ? `…${text.slice(-90)}` : text;
}

function listQueries() {
  const found = foundQueries();
  state.found = found;
  $('queries').replaceChildren(...found.map((i) => {
    const query = run.queries[i];
    return el('li', {}, el('button', {type: 'button', 'data-query': i, 'aria-current': i === state.query ? 'true' : null,
      on: {click: () => go({view: 'query', query: i})}},
      said('span', {class: 'ask'}, headOf(query)),
      said('span', {class: 'reply'}, shorten((query.completion ?? '').trim(), 80)),
      el('span', {class: 'meta'}, said('span', {}, shorten(query.id, 40)), el('span', {class: 'loss', title: 'Loss per token, in nats'}, amount(perToken(query))))));
  }));
  $('found').textContent = found.length === run.nQueries ? plural(found.length, 'query', 'queries')
    : `${count(found.length)} of ${plural(run.nQueries, 'query', 'queries')}`;
}

function markQuery() {
  for (const button of $('queries').querySelectorAll('button')) {
    const isShown = Number(button.dataset.query) === state.query;
    button.toggleAttribute('aria-current', isShown);
    if (isShown) {
      button.setAttribute('aria-current', 'true');
      button.scrollIntoView({block: 'nearest'});
    }
  }
}

/* The head of the view. */

const MANY_CHARACTERS = 1200; /* of a prompt, until all of it is asked for */

function longText(tag, attributes, text) {
  const node = said(tag, attributes, shorten(text, MANY_CHARACTERS));
  if (text.length <= MANY_CHARACTERS) {
    return [node];
  }
  const more = el('button', {type: 'button', class: 'quiet small', on: {click: () => {
    node.replaceChildren(visible(text));
    more.remove();
  }}}, `All ${count(text.length)} characters`);
  return [node, more];
}

/* What a query measures where it is not the log-probability, which the loss tells. */
const measured = {
  margin: (query) => ['log p(completion) − log p(against)', `${signed(query.measured)} nats`],
  probability: (query) => ['p(completion)', amount(query.measured)],
  direction: (query) => ['Direction · hidden state', signed(query.measured) + (query.direction ? ` (${query.direction}, layer ${query.layer})` : '')],
};

function queryFacts(query, answer) {
  const facts = query.measure === 'direction' ? [] : [['Loss', `${amount(query.loss)} nats`], ['Per token', amount(perToken(query))],
    ['Tokens', count(query.nCompletionTokens)]];
  if (Object.hasOwn(measured, query.measure)) {
    facts.unshift(measured[query.measure](query));
  }
  if (hasModules()) {
    facts.push(['Self-influence', amount(answer.self)]);
  }
  if (query.isGenerated) {
    facts.push(['Completion', query.isCut ? 'written by the model, cut' : 'written by the model']);
  }
  if (query.isTurn) {
    facts.push(['Asked as', 'a turn of a chat']);
  }
  return el('dl', {class: 'facts'}, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

function queryHead(opened, query) {
  const answer = opened.answer;
  return el('header', {class: 'query-head'},
    el('p', {class: 'kicker'}, said('span', {}, shorten(query.id, 160)), query.tags.map((tag) =>
      el('span', {class: 'tag'}, el('span', {class: 'key'}, shorten(tag.key, 24)), said('span', {}, shorten(tag.value, 60))))),
    opened.prompt === null ? el('h2', {class: 'prompt'}, headOf(query)) : longText('h2', {class: 'prompt'}, opened.prompt.trim()),
    opened.completion === null ? null : longText('p', {class: 'completion'}, opened.completion.trim()),
    opened.against === null ? null : [el('p', {class: 'note'}, 'against'), longText('p', {class: 'completion'}, opened.against.trim())],
    queryFacts(query, answer));
}

/* Sums of the modules' shares over the results of a side. */
function moduleSums(opened, side) {
  const sums = new Array(made().modules.length).fill(0);
  for (const result of resultsOf(opened.iAnswer, side)) {
    sharesOf(opened, result).modules.forEach((share, i) => (sums[i] += share));
  }
  return sums;
}

/* The documents, with what chooses among them. */

function sideSwitch(answer) {
  const [up, down] = run.settings[state.setting].isBaseline ? ['Most alike', 'Least alike'] : answer.query.measure === 'log-probability' ? ['Favour', 'Oppose'] : ['Raise', 'Lower'];
  const names = [`${up} ${count(answer.nTop)}`, `${down} ${count(answer.nBottom)}`];
  return el('div', {class: 'switch', role: 'group', 'aria-label': 'Which documents'}, names.map((name, side) =>
    el('button', {type: 'button', class: side ? 'is-oppose' : 'is-favour', 'aria-pressed': String(state.side === side),
      on: {click: () => go({side})}}, name)));
}

/* Tags of a side's documents that several share, most frequent first. */
function commonTags(results) {
  const counts = new Map();
  for (const {document} of results) {
    for (const {key, value} of document.tags) {
      const name = JSON.stringify([key, value]);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts].filter(([, n]) => n > 1).sort((a, b) => b[1] - a[1]).slice(0, 200)
    .map(([name, n]) => ({key: JSON.parse(name)[0], value: JSON.parse(name)[1], n}));
}

function tagSelect(results) {
  const tags = commonTags(results);
  if (!tags.length) {
    return null;
  }
  return el('select', {'aria-label': 'Only documents with a tag', on: {change: (event) => {
    const tag = tags[Number(event.target.value)];
    event.target.value = '';
    addTag(tag);
  }}}, el('option', {value: ''}, 'Tag …'), tags.map((tag, i) =>
    el('option', {value: i}, `${shorten(tag.key, 24)} = ${shorten(tag.value, 40)} (${tag.n})`)));
}

function addTag({key, value}) {
  if (!state.tags.some((tag) => tag.key === key && tag.value === value)) {
    go({tags: [...state.tags, {key, value}]});
  }
}

function chosenTags() {
  return el('div', {class: 'chosen'}, state.tags.map((tag) => el('button', {type: 'button', class: 'tag chosen-tag',
    'aria-label': `Remove the filter ${tag.key} = ${tag.value}`,
    on: {click: () => go({tags: state.tags.filter((other) => other !== tag)})}},
    el('span', {class: 'key'}, shorten(tag.key, 24)), said('span', {}, shorten(tag.value, 60)), ' ×')));
}

function documentTools(answer, results, redraw) {
  const filter = el('input', {type: 'search', id: 'filter', placeholder: 'Filter by text, place or tag', 'aria-label': 'Filter documents',
    autocomplete: 'off', spellcheck: 'false', value: state.filter, on: {input: (event) => {
      state.filter = event.target.value;
      redraw();
    }}});
  const sort = el('select', {'aria-label': 'Order of documents', on: {change: (event) => {
    state.sort = event.target.value;
    redraw();
  }}}, [['rank', 'By rank'], ['tokens', 'Longest first'], ['place', 'By place in the corpus']].map(([value, name]) =>
    el('option', {value, selected: value === state.sort}, name)));
  const unit = el('div', {class: 'switch', role: 'group', 'aria-label': 'Units of text'}, [['Words', true], ['Tokens', false]].map(([name, areWords]) =>
    el('button', {type: 'button', 'aria-pressed': String(state.words === areWords), on: {click: () => go({words: areWords})}}, name)));
  return el('div', {class: 'tools'}, sideSwitch(answer), filter, tagSelect(results), sort, unit);
}

/* What colours mean. */
function legend() {
  const cell = (level) => el('span', {class: `u ${level}`}, '\u2003');
  return el('p', {class: 'legend'}, 'lowers the score ', ['n6', 'n4', 'n2'].map(cell), ' ', ['p2', 'p4', 'p6'].map(cell), ' raises it');
}

const reporters = new Map(); /* document -> the queries that report it */

function queriesOf(number) {
  if (!reporters.size) {
    run.answers.forEach((answer, i) => {
      for (let j = answer.first; j < answer.first + answer.nTop + answer.nBottom; j++) {
        const document = run.resultDocuments[j];
        reporters.set(document, (reporters.get(document) ?? new Set()).add(i % run.nQueries));
      }
    });
  }
  return reporters.get(number);
}

function documentsPart(opened) {
  const results = resultsOf(opened.iAnswer, state.side);
  const context = {opened, areWords: state.words, largest: Math.max(0, ...results.map((result) => Math.abs(result.score))),
    onTag: addTag, queriesOf};
  const holder = el('div', {});
  const status = el('p', {class: 'note', role: 'status'});
  const redraw = () => {
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const left = results.filter((result) => passes(result, {words, tags: state.tags})).sort(orders[state.sort]);
    holder.replaceChildren(documentList(left, context));
    status.textContent = left.length === results.length ? '' : `${count(left.length)} of ${plural(results.length, 'document')}`;
  };
  redraw();
  return el('section', {class: 'results', 'aria-labelledby': 'results-title'},
    el('h2', {id: 'results-title', class: 'hidden'}, titleOfSide()),
    documentTools(opened.answer, results, redraw),
    el('div', {class: 'below-tools'}, chosenTags(), status, legend()), holder);
}

function titleOfSide() {
  if (run.settings[state.setting].isBaseline) {
    return state.side ? 'Documents least like the query' : 'Documents most like the query';
  }
  return state.side ? 'Documents that oppose the completion' : 'Documents that favour the completion';
}

async function showQuery() {
  const iAnswer = state.setting * run.nQueries + state.query;
  const [opened, law] = await Promise.all([openAnswer(iAnswer), lawOf(state.query)]);
  if (iAnswer !== state.setting * run.nQueries + state.query || state.view !== 'query') {
    return;
  }
  const {answer} = opened;
  const {query} = answer;
  const note = state.side ? 'Shares of the scores of the opposing documents, by layer' : 'Shares of the scores of the favouring documents, by layer';
  $('main').replaceChildren(queryHead(opened, query),
    el('section', {class: 'charts', 'aria-label': 'Charts'}, histogramChart(answer), tailChart(answer, law),
      hasModules() && made().modules.length > 1 ? layersChart(moduleSums(opened, state.side), note) : ''),
    documentsPart(opened));
}

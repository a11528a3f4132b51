/* What is shown, what keys do, and the beginning. */

const state = {view: 'query', query: 0, setting: 0, side: 0, words: true, filter: '', tags: [], sort: 'rank', found: []};

const views = {query: showQuery, overview: showOverview, about: showAbout};

/* The state as a link within the page, and back. */
function linkOf() {
  return `#${state.view}/${state.query + 1}/${state.setting + 1}/${state.side ? 'oppose' : 'favour'}`;
}

function readLink() {
  const [view, query, setting, side] = location.hash.slice(1).split('/');
  const within = (text, n) => Math.min(Math.max(1, Number.parseInt(text, 10) || 1), n) - 1;
  state.view = Object.hasOwn(views, view) ? view : 'query';
  state.query = within(query, run.nQueries);
  state.setting = within(setting, run.settings.length);
  state.side = side === 'oppose' ? 1 : 0;
}

function markView() {
  for (const button of document.querySelectorAll('[data-view]')) {
    button.toggleAttribute('aria-current', false);
    if (button.dataset.view === state.view) {
      button.setAttribute('aria-current', 'page');
    }
  }
  document.body.dataset.shows = state.view;
  $('setting').value = String(state.setting);
}

async function draw() {
  hideTip();
  markView();
  markQuery();
  await views[state.view]();
}

/* Change what is shown. */
function go(change) {
  const isOther = 'query' in change || 'view' in change;
  if ('query' in change && change.query !== state.query) {
    Object.assign(state, {filter: '', tags: [], side: 0});
  }
  Object.assign(state, change);
  history.replaceState(null, '', linkOf());
  if (isOther) {
    scrollTo(0, 0);
    setSideOpen(false);
  }
  return draw();
}

/* On narrow screens the list of queries opens and closes. */
function setSideOpen(isOpen) {
  $('side').classList.toggle('open', isOpen);
  $('side-toggle').setAttribute('aria-expanded', String(isOpen));
}

/* Themes: the system's, light, dark. */
const themes = ['', 'light', 'dark'];

function nextTheme() {
  const root = document.documentElement;
  const next = themes[(themes.indexOf(root.dataset.theme ?? '') + 1) % themes.length];
  if (next) {
    root.dataset.theme = next;
  } else {
    delete root.dataset.theme;
  }
  $('theme').textContent = next ? `Theme: ${next}` : 'Theme';
  say(`Theme ${next || 'of the system'}`);
  if (state.view === 'overview') {
    draw(); /* the matrix is painted in colours of the theme */
  }
}

/* Keys. */

function stepQuery(by) {
  const at = state.found.indexOf(state.query);
  const next = state.found[at < 0 ? 0 : at + by];
  if (next !== undefined) {
    go({view: 'query', query: next});
  }
}

function stepDocument(by) {
  const rows = [...document.querySelectorAll('.document')];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at < 0 ? 0 : at + by];
  row?.focus();
  row?.scrollIntoView({block: 'nearest'});
}

const keys = {
  '/': () => {
    setSideOpen(true);
    $('search').focus();
  },
  '[': () => stepQuery(-1),
  ']': () => stepQuery(1),
  j: () => stepDocument(1),
  k: () => stepDocument(-1),
  o: () => go({view: 'query', side: 1 - state.side}),
  f: () => $('filter')?.focus(),
  w: () => go({words: !state.words}),
  1: () => go({view: 'query'}),
  2: () => go({view: 'overview'}),
  3: () => go({view: 'about'}),
  t: nextTheme,
  '?': () => $('keys').showModal(),
};

/* Keys that write into a field are no commands. */
const isField = (node) => node.matches?.('input:not([type=checkbox]), select, textarea');

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('keys').open) {
    return;
  }
  if (event.key === 'Escape') {
    hideTip();
    if (isField(event.target)) {
      event.target.blur();
    }
    return;
  }
  if (isField(event.target)) {
    return;
  }
  if (event.key === 'Enter' && event.target.openOrClose) {
    event.target.openOrClose();
  } else if (Object.hasOwn(keys, event.key) && $('keys-on').checked) {
    event.preventDefault();
    keys[event.key]();
  }
}

/* Arrow keys in the list of queries. */
function onListKey(event) {
  const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (!by) {
    return;
  }
  event.preventDefault();
  const buttons = [...$('queries').querySelectorAll('button')];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0) {
    buttons[0]?.focus();
  } else if (at + by < 0) {
    $('search').focus();
  } else {
    buttons[at + by]?.focus();
  }
}

/* Paper has no end that is scrolled to. */
function showAll() {
  for (let more; (more = document.querySelector('.more:not([hidden])'));) {
    more.click();
  }
}

function listen() {
  addEventListener('beforeprint', showAll);
  document.addEventListener('keydown', onKey);
  document.addEventListener('scroll', hideTip, {passive: true});
  $('side').addEventListener('keydown', onListKey);
  $('search').addEventListener('input', () => {
    listQueries();
    markQuery();
  });
  $('order').addEventListener('change', listQueries);
  $('theme').addEventListener('click', nextTheme);
  $('help').addEventListener('click', () => $('keys').showModal());
  $('side-toggle').addEventListener('click', () => setSideOpen(!$('side').classList.contains('open')));
  $('setting').addEventListener('change', (event) => go({setting: Number(event.target.value)}));
  for (const button of document.querySelectorAll('[data-view]')) {
    button.addEventListener('click', () => go({view: button.dataset.view}));
  }
  addEventListener('hashchange', () => {
    readLink();
    draw();
  });
}

function fillBar() {
  document.title = visible(`attrib: ${run.title}`);
  add($('title'), [run.title]);
  add($('counts'), [`${plural(run.nQueries, 'query', 'queries')} · ${plural(run.nDocuments, 'document')}`]);
  add($('setting'), run.settings.map((setting, i) => el('option', {value: i}, setting.name)));
  $('setting-label').hidden = run.settings.length < 2;
}

async function start() {
  if (typeof DecompressionStream === 'undefined') {
    throw new Error('this browser does not unpack data (DecompressionStream): Chrome 80, Firefox 113, Safari 16.4 and later do');
  }
  await openRun();
  readLink();
  fillBar();
  listen();
  listQueries();
  await draw();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start().catch((error) => {
  $('main').replaceChildren(el('p', {class: 'warning'}, `The run cannot be shown: ${error.message}`));
});

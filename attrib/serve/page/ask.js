/* The box to type in, and the answer as it comes. */

const state = {view: 'query', query: 0, setting: 0, side: 0, words: true, filter: '', tags: [], sort: 'rank', found: []};

let shown = null; /* the answer that is shown, opened */
let asking = null; /* what stops the question that is asked */

/* Change what is shown of the answer. */
function go(change) {
  Object.assign(state, change);
  hideTip();
  draw();
}

function draw() {
  const note = state.side ? 'Shares of the scores of the opposing documents, by layer' : 'Shares of the scores of the favouring documents, by layer';
  $('answer').replaceChildren(queryHead(shown, run.queries[0]));
  add($('answer'), [made().modules.length > 1 ? el('div', {class: 'layers'}, layersChart(moduleSums(shown, state.side), note)) : null, documentsPart(shown)]);
}

function showAnswer(answer) {
  shown = openAnswer(answer);
  Object.assign(state, {side: 0, filter: '', tags: []});
  $('answer').classList.remove('is-old');
  draw();
  const {n_documents: nDocuments, n_scored: nScored} = answer.run;
  showProgress(`${count(nScored ?? nDocuments)} of ${plural(nDocuments, 'document')} scored exactly, in ${amount((performance.now() - asking.since) / 1000)} s`);
}

function showProgress(text) {
  $('progress').classList.remove('warning');
  $('progress').textContent = visible(text);
}

function showError(text) {
  $('progress').classList.add('warning');
  $('progress').textContent = visible(text);
}

/* The answer as it stands: estimates, until they are scored. */
function showStage({n_exact: nExact, n_documents: nDocuments, results, opposed}) {
  const list = (title, items) => el('div', {}, el('h3', {}, title), el('ol', {}, items.map((item) =>
    el('li', {class: item.is_estimate ? 'is-estimate' : null}, el('span', {class: item.score < 0 ? 'number oppose' : 'number favour'},
      (item.is_estimate ? '~' : '') + signed(item.score)), ' ', said('span', {}, shorten(item.id, 120))))));
  shown = null;
  $('answer').classList.remove('is-old');
  $('answer').replaceChildren(el('p', {class: 'note'}, `${count(nExact)} of ${plural(nDocuments, 'document')} scored exactly; ~ marks estimates`),
    el('div', {class: 'stage'}, list('Favour', results), list('Oppose', opposed)));
}

/* A line of the reply: a stage, the answer, or why there is none. */
function takeLine(line) {
  const item = JSON.parse(line);
  if (item.error !== undefined) {
    throw new Error(item.error);
  }
  if (item.query) {
    showAnswer(item);
    return true;
  }
  if (item.results) {
    showStage(item);
    return false;
  }
  showProgress(`${item.progress}: ${count(item.done)}${item.total ? ` of ${count(item.total)}` : ''} ${item.unit}`);
  return false;
}

/* Read lines as they come; the last one is the answer. */
async function readLines(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let isAnswered = false;
  for (;;) {
    const {value, done} = await reader.read();
    const lines = (rest + decoder.decode(value, {stream: !done})).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      isAnswered = takeLine(line) || isAnswered;
    }
    if (done) {
      break;
    }
  }
  if (!isAnswered) {
    throw new Error('the reply ended before the answer');
  }
}

function headers() {
  const token = $('token').value.trim();
  return token ? {Authorization: `Bearer ${token}`} : {};
}

async function send(question) {
  const reply = await fetch('query', {method: 'POST', headers: {'Content-Type': 'application/json', ...headers()},
    body: JSON.stringify(question), signal: asking.stopper.signal, cache: 'no-store'});
  if (!reply.ok) {
    $('token-label').hidden = $('token-label').hidden && reply.status !== 401;
    throw new Error((await reply.json()).error);
  }
  await readLines(reply.body);
}

/* Seconds and a certainty end the scoring in place of a number of documents. */
function limits() {
  const [time, certify] = ['time', 'certify'].map((id) => Number($(id).value));
  return time || certify ? {...(time ? {time} : {}), ...(certify ? {certify} : {})} : {exact: Number($('exact').value)};
}

function onLimit() {
  $('exact').disabled = Boolean($('time').value || $('certify').value);
}

/* The question as the server reads it. */
function readQuestion() {
  const completion = $('completion').value;
  const where = $('where').value.split('\n').map((line) => line.trim()).filter(Boolean);
  return {prompt: $('prompt').value, ...(completion ? {completion} : {}), ...(where.length ? {where} : {}), ...limits()};
}

async function ask(event) {
  event.preventDefault();
  asking?.stopper.abort();
  const mine = {stopper: new AbortController(), since: performance.now()};
  asking = mine;
  const question = readQuestion();
  $('stop').hidden = false;
  $('answer').classList.toggle('is-old', shown !== null);
  showProgress('Asking …');
  try {
    await send(question);
    document.documentElement.dataset.answered = String(Math.round(performance.now() - mine.since));
  } catch (error) {
    if (asking === mine) {
      showError(error.name === 'AbortError' ? 'Stopped.' : error.message);
    }
  } finally {
    if (asking === mine) {
      $('stop').hidden = true;
    }
  }
}

/* Enter asks; with Shift it is a new line. */
function onKey(event) {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $('ask').requestSubmit();
  }
}

/* What is asked, where the server tells it. */
async function openState() {
  const reply = await fetch('status', {headers: headers(), cache: 'no-store'});
  if (reply.status === 401) {
    $('token-label').hidden = false;
    return;
  }
  const about = await reply.json();
  document.title = visible(`attrib: ${about.name}`);
  $('title').textContent = visible(about.name);
  $('counts').textContent = plural(about.documents, 'document');
  $('exact').max = about.max_exact;
}

$('ask').addEventListener('submit', ask);
$('stop').addEventListener('click', () => asking?.stopper.abort());
$('prompt').addEventListener('keydown', onKey);
$('completion').addEventListener('keydown', onKey);
$('time').addEventListener('input', onLimit);
$('certify').addEventListener('input', onLimit);
$('token').addEventListener('change', () => openState().catch((error) => showError(error.message)));
document.addEventListener('scroll', hideTip, {passive: true});
openState().catch((error) => showError(error.message)).finally(() => {
  document.documentElement.dataset.ready = 'yes';
});

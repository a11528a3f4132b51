/* An answer as attrib query writes it, in the shape that the views of a run read. */

/* What is shown, under the names of a page of a run. */
const run = {nQueries: 1, settings: [{name: '', isBaseline: false, run: 0}], runs: [{modules: []}],
  queries: [], answers: [], documents: [], results: [], hasTails: false};

const made = () => run.runs[0];
const hasModules = () => made().modules.length > 0;

/* A tag's value as text. */
const tagText = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
const tagsOf = (tags) => Object.entries(tags).map(([key, value]) => ({key, value: tagText(value)}));

const SPECIAL_TOKEN = 0xffff; /* as words.js has it */
const BROKEN = '\ufffd';

/* Which text each token stands for: [text or null of a special one]. A character that
 * several tokens spell is broken in each of them, and whole in the document's text, from
 * which it is taken for the last of them. */
function alignTokens(tokens, text) {
  const texts = [];
  let at = 0;
  for (let i = 0; i < tokens.length; i++) {
    const own = tokens[i].text;
    const bare = own.startsWith(' ') && at === 0 ? own.slice(1) : own;
    if (text.startsWith(own, at) && own) {
      texts.push(own);
      at += own.length;
    } else if (bare && text.startsWith(bare, at)) {
      texts.push(bare);
      at += bare.length;
    } else if (own.includes(BROKEN)) {
      let end = i;
      while (end + 1 < tokens.length && tokens[end + 1].text.includes(BROKEN)) {
        end++;
      }
      const next = tokens[end + 1]?.text;
      const found = next ? text.indexOf(next, at) : text.length;
      const to = found < 0 ? text.length : found;
      for (; i < end; i++) {
        texts.push('');
      }
      texts.push(text.slice(at, to));
      at = to;
    } else {
      texts.push(null);
    }
  }
  return texts;
}

/* The bytes of all texts and of each, as words.js reads them. */
function spell(texts) {
  const encoder = new TextEncoder();
  const parts = texts.map((text) => (text === null ? null : encoder.encode(text)));
  const bytes = new Uint8Array(parts.reduce((n, part) => n + (part?.length ?? 0), 0));
  let at = 0;
  for (const part of parts) {
    if (part) {
      bytes.set(part, at);
      at += part.length;
    }
  }
  return {bytes, lengths: parts.map((part) => (part === null ? SPECIAL_TOKEN : part.length))};
}

function spellingOf({document, tokens}) {
  if (document.text === null) {
    return spell(tokens.map((token) => token.text));
  }
  const border = tokens.findIndex((token) => token.is_rejected);
  if (border < 0) {
    return spell(alignTokens(tokens, document.text));
  }
  return spell([...alignTokens(tokens.slice(0, border), document.text),
    ...alignTokens(tokens.slice(border), document.rejected ?? '')]);
}

const spelling = (number) => run.documents[number].spelling;

function documentOf(result) {
  const {document, tokens} = result;
  return {index: document.index, id: document.id, source: document.source, member: document.member, line: document.line,
    tags: tagsOf(document.tags), tokens: tokens.length,
    rejected: Math.max(0, tokens.findIndex((token) => token.is_rejected)), spelling: spellingOf(result)};
}

/* Take an answer as the run that is shown. */
function openAnswer({query, results, opposed, run: about}) {
  const all = [...results, ...opposed];
  run.nDocuments = about.n_documents;
  run.tokenKind = about.token_kind;
  run.results = all;
  run.documents = all.map(documentOf);
  run.runs = [{modules: Object.keys(all[0]?.modules ?? {}).map((name) => ({name}))}];
  run.queries = [{id: query.id, tags: tagsOf(query.tags), prompt: query.prompt, completion: query.completion, nRows: query.n_rows,
    nTokens: 0, measure: query.measure, measured: query.measured, loss: query.loss,
    nCompletionTokens: query.n_completion_tokens, isGenerated: query.is_generated, isCut: query.is_cut, isTurn: query.is_turn}];
  run.answers = [{first: 0, nTop: results.length, nBottom: opposed.length, nScored: about.n_scored ?? about.n_documents,
    self: query.self_influence, query: run.queries[0], made: run.runs[0]}];
  run.resultDocuments = all.map((_, i) => i);
  commonFolder = null;
  reporters.clear();
  return {iAnswer: 0, answer: run.answers[0], prompt: query.prompt, completion: query.completion, against: query.against ?? null,
    results: all.map((result) => ({isSpurious: Boolean(result.is_spurious)}))};
}

function resultsOf(iAnswer, side) {
  const {nTop, nBottom} = run.answers[iAnswer];
  const first = side ? nTop : 0;
  return run.results.slice(first, first + (side ? nBottom : nTop)).map((result, i) => ({place: first + i, number: first + i,
    document: run.documents[first + i], rank: result.rank, score: result.score}));
}

function sharesOf(opened, {place}) {
  const {tokens, modules} = run.results[place];
  return {tokens: tokens.map((token) => token.score), modules: Object.values(modules)};
}

/* There is one query, to which no other leads. */
const queryLinks = () => null;

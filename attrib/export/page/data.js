/* The data of the page: chunks that are inflated when they are needed. */

/* Bytes of base64 text. */
function bytesOf(text) {
  if (Uint8Array.fromBase64) {
    return Uint8Array.fromBase64(text);
  }
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) {
    bytes[i] = binary.charCodeAt(i);
  }
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).arrayBuffer();
}

/* A chunk's JSON, and its arrays by type, offset and length. */
class Chunk {
  constructor(buffer) {
    const n = new DataView(buffer).getUint32(0, true);
    this.buffer = buffer;
    this.start = Math.ceil((4 + n) / 8) * 8;
    this.json = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, n)));
  }

  array(Type, offset, n) {
    return new Type(this.buffer, this.start + offset, n);
  }
}

/* The script begins before most chunks are read. */
const isRead = new Promise((done) => document.addEventListener('DOMContentLoaded', done));

/* The element of a chunk, once all of it is there; null where the page has none. */
async function elementOf(name) {
  if (!$(name)?.nextSibling) {
    await isRead;
  }
  return $(name);
}

async function readChunk(name) {
  const element = await elementOf(name);
  return element && new Chunk(await inflate(bytesOf(element.textContent)));
}

const chunks = new Map();

/* A chunk by its name, or null; the same promise for each call. */
function chunk(name) {
  if (!chunks.has(name)) {
    chunks.set(name, readChunk(name));
  }
  return chunks.get(name);
}

/* What the run holds, once `openRun` is done. */
const run = {};

/* What the run was made with whose setting is shown. */
const made = () => run.runs[run.settings[state.setting].run];

/* A tag's value, which is JSON, as text. */
function tagText(value) {
  try {
    const parsed = JSON.parse(value);
    return typeof parsed === 'string' ? parsed : value;
  } catch {
    return value;
  }
}

const tagsOf = (tags) => tags.map(({key, value}) => ({key, value: tagText(value)}));

async function openRun() {
  const [main, names] = await Promise.all([chunk('run'), chunk('documents')]);
  Object.assign(run, main.json);
  run.documents = names.json.documents;
  for (const item of [...run.documents, ...run.queries]) {
    item.tags = tagsOf(item.tags);
  }
  run.resultDocuments = main.array(Uint32Array, main.json.documents, run.nResults);
  run.ranks = main.array(Uint32Array, main.json.ranks, run.nResults);
  run.scores = main.array(Float64Array, main.json.scores, run.nResults);
  for (const [i, answer] of run.answers.entries()) {
    const nSteps = run.nSteps;
    answer.query = {...run.queries[i % run.nQueries], ...answer.query};
    answer.made = run.runs[run.settings[Math.floor(i / run.nQueries)].run];
    answer.bins = main.array(Uint32Array, main.json.bins + 4 * run.nBins * i, run.nBins);
    answer.steps = [0, 1].map((side) =>
      main.array(Uint32Array, main.json.steps + 4 * nSteps * (2 * i + side), nSteps));
    answer.sums = [0, 1].map((side) =>
      main.array(Float64Array, main.json.sums + 8 * nSteps * (2 * i + side), nSteps));
  }
}

/* Results of an answer on a side, 0 those that favour and 1 those that oppose. */
function resultsOf(iAnswer, side) {
  const answer = run.answers[iAnswer];
  const first = side ? answer.nTop : 0;
  const n = side ? answer.nBottom : answer.nTop;
  return Array.from({length: n}, (_, i) => {
    const at = answer.first + first + i;
    const number = run.resultDocuments[at];
    return {place: first + i, number, document: run.documents[number], rank: run.ranks[at], score: run.scores[at]};
  });
}

/* Open what tells the tokens and modules of an answer's results. */
async function openAnswer(iAnswer) {
  const answer = run.answers[iAnswer];
  const blocks = new Set();
  for (let i = 0; i < answer.nTop + answer.nBottom; i++) {
    blocks.add(run.documents[run.resultDocuments[answer.first + i]].block);
  }
  const [opened] = await Promise.all([chunk(`answer-${iAnswer}`),
    ...[...blocks].map((block) => openText(block))]);
  return {iAnswer, answer, chunk: opened, ...opened.json};
}

const texts = new Map();

async function openText(block) {
  if (!texts.has(block)) {
    texts.set(block, await chunk(`text-${block}`));
  }
}

/* A document's bytes and the bytes of each of its tokens. */
function spelling(number) {
  const document = run.documents[number];
  const text = texts.get(document.block);
  const item = text.json.documents[number - text.json.first];
  return {
    bytes: text.array(Uint8Array, item.bytes, item.nBytes),
    lengths: text.array(Uint16Array, item.lengths, document.tokens),
  };
}

/* Whether the chosen setting has shares of modules: baselines have none. */
function hasModules() {
  return !run.settings[state.setting].isBaseline;
}

/* Shares of a result's tokens and of its modules, from their steps. */
function sharesOf(opened, result) {
  const item = opened.results[result.place];
  const read = (offset, n, scale) =>
    Float64Array.from(opened.chunk.array(Int8Array, offset, n), (step) => (step / 127) * Math.abs(step / 127) * scale);
  return {
    tokens: read(item.tokens, result.document.tokens, item.tokenScale),
    modules: read(item.modules, hasModules() ? opened.answer.made.modules.length : 0, item.moduleScale),
  };
}

/* Tokens as units that people read: words, or the tokens themselves. */

const SPECIAL = 0xffff;
const LETTER = /[\p{L}\p{N}\p{M}]/u;
/* Scripts that put no space between words: each token stands alone. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

const joins = (character) => LETTER.test(character) && !UNSPACED.test(character);
const lastOf = (text) => Array.from(text.slice(-2)).pop() ?? '';
const firstOf = (text) => Array.from(text.slice(0, 2))[0] ?? '';

/* [{text, isSpecial}] of tokens. A character in several tokens belongs to the one that
 * ends it. */
function tokenTexts({bytes, lengths}) {
  const decoder = new TextDecoder('utf-8', {ignoreBOM: true});
  const tokens = [];
  let at = 0;
  for (const length of lengths) {
    if (length === SPECIAL) {
      const rest = decoder.decode();
      if (rest && tokens.length) {
        tokens[tokens.length - 1].text += rest;
      }
      tokens.push({text: '', isSpecial: true});
    } else {
      tokens.push({text: decoder.decode(bytes.subarray(at, at + length), {stream: true}), isSpecial: false});
      at += length;
    }
  }
  const rest = decoder.decode();
  if (rest && tokens.length) {
    tokens[tokens.length - 1].text += rest;
  }
  return tokens;
}

/* Whether a token goes on with the unit before it. */
function continues(unit, token, areWords) {
  if (!unit || unit.isSpecial || token.isSpecial) {
    return false;
  }
  if (!unit.text || !token.text) {
    return true; /* a character goes on in the next token */
  }
  return areWords && joins(lastOf(unit.text)) && joins(firstOf(token.text));
}

/* [{text, share, first, end, isSpecial}] of a document's tokens, `first` .. `end` being
 * the unit's own. */
function unitsOf(number, shares, areWords) {
  const tokens = tokenTexts(spelling(number));
  const units = [];
  const rejected = run.documents[number].rejected;
  for (const [i, token] of tokens.entries()) {
    const last = units[units.length - 1];
    if (i !== rejected && continues(last, token, areWords)) {
      last.text += token.text;
      last.share += shares[i];
      last.end = i + 1;
    } else {
      units.push({text: token.text, share: shares[i], first: i, end: i + 1, isSpecial: token.isSpecial,
        beginsRejected: i > 0 && i === rejected});
    }
  }
  return {units, tokens};
}

/* Where an excerpt of n units holds most: the peak of the magnitudes under a triangle,
 * which is a box twice. */
function excerptOf(units, n) {
  if (units.length <= n) {
    return [0, units.length];
  }
  const half = Math.max(1, n >> 1);
  const box = (values) => {
    let sum = 0;
    return values.map((value, i) => (sum += value - (i >= half ? values[i - half] : 0)));
  };
  const pad = new Array(half).fill(0);
  const weights = box(box([...units.map((unit) => (unit.isSpecial ? 0 : Math.abs(unit.share))), ...pad]));
  let peak = 0;
  for (let i = 1; i < weights.length; i++) {
    peak = weights[i] > weights[peak] ? i : peak;
  }
  const start = Math.min(Math.max(0, peak + 1 - 2 * half), units.length - n);
  return [start, start + n];
}

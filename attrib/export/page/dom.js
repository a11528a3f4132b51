/* Elements, text and numbers. Text of documents and queries reaches the page through
 * text nodes only, after `visible` has replaced what hides or turns text around. */

const SVG = 'http://www.w3.org/2000/svg';
const $ = (id) => document.getElementById(id);

/* Control characters, and characters without a shape that reorder or hide text. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e007f}]/gu;

function nameOf(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) {
    return String.fromCharCode(0x2400 + code);
  }
  return code === 0x7f ? '\u2421' : `‹U+${code.toString(16).toUpperCase().padStart(4, '0')}›`;
}

/* Text in which every character is seen. */
function visible(text) {
  return text.replace(UNSEEN, nameOf);
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) {
        node.addEventListener(event, handler);
      }
    } else if (value !== undefined && value !== null && value !== false) {
      node.setAttribute(name, value === true ? '' : visible(String(value)));
    }
  }
}

function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      node.append(child instanceof Node ? child : visible(String(child)));
    }
  }
  return node;
}

/* An element: el('p', {class: 'note', on: {click}}, 'text', element, [more]). */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  return add(node, children);
}

/* The same of SVG. */
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  return add(node, children);
}

/* Text of a run, apart from the direction of what stands around it. */
function said(tag, attributes, text) {
  return el(tag, {dir: 'auto', ...attributes}, text);
}

/* The start of a text, at most n characters of it. */
function shorten(text, n) {
  const characters = Array.from(text.slice(0, 2 * n + 2));
  return characters.length > n ? characters.slice(0, n).join('') + '…' : text;
}

const counted = new Intl.NumberFormat('en-US');
const count = (n) => counted.format(n);
const plural = (n, one, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;

/* A number with three or four digits that tell, and a true minus. */
function amount(value) {
  if (value === null || !Number.isFinite(value)) {
    return '–';
  }
  const size = Math.abs(value);
  let text = '0';
  if (size >= 1e7 || (size > 0 && size < 1e-3)) {
    text = size.toExponential(2).replace('e+', 'e');
  } else if (size > 0) {
    const digits = size >= 1e4 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
    text = size.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
  }
  return (value < 0 ? '−' : '') + text;
}

const signed = (value) => (value > 0 ? '+' : '') + amount(value);

/* A number for the axis of a chart. */
function brief(value) {
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size >= 1e6 || (size > 0 && size < 1e-3)) {
    return sign + size.toExponential(0).replace('e+', 'e');
  }
  return sign + size.toLocaleString('en-US', {maximumSignificantDigits: 3});
}

const percent = (share) =>
  Number.isFinite(share) ? `${(100 * share).toFixed(Math.abs(share) < 0.0995 ? 1 : 0)} %` : '–';

/* Say something to a screen reader. */
function say(text) {
  $('live').textContent = visible(text);
}

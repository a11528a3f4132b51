/* A text as a heat map: each unit coloured by its share of the score, with its value on
 * hover, and from unit to unit by arrow keys. The sign is told by the underline too: a
 * line where a unit raises the score, dots where it lowers it. */

const LEVELS = 6;
const FAINT = 0.05; /* of the largest magnitude: units below it have no colour */
const UNITS_AT_ONCE = 3000; /* of a long text, until more are asked for */

function levelOf(share, largest) {
  const ratio = largest > 0 ? Math.abs(share) / largest : 0;
  if (ratio < FAINT) {
    return '';
  }
  return (share > 0 ? 'p' : 'n') + Math.min(LEVELS, Math.ceil(ratio * LEVELS));
}

/* The spans of a unit: its spaces stand outside of the colour. */
function unitSpans(unit, i, largest) {
  if (unit.isSpecial) {
    return levelOf(unit.share, largest) === '' ? [] : [el('span', {class: `u special ${levelOf(unit.share, largest)}`, 'data-i': i}, '◆')];
  }
  const body = unit.text.trimStart();
  const blank = unit.text.slice(0, unit.text.length - body.length);
  const spans = [blank || null];
  if (body) {
    spans.push(el('span', {class: `u ${levelOf(unit.share, largest)}`, 'data-i': i}, body));
  }
  if (unit.beginsRejected) {
    spans.unshift(el('span', {class: 'divide'}, 'Rejected side'));
  }
  return spans;
}

/* How much of the score a share is; numbers of input tokens have no sum. */
const partOf = (share, heat) => (run.tokenKind === 'input' ? '' : `${percent(share / heat.score)} of the score`);

/* What the tip says of a unit. */
function unitTip(heat, i) {
  const unit = heat.units[i];
  const parts = [];
  for (let t = unit.first; t < unit.end && unit.end - unit.first > 1; t++) {
    parts.push(el('span', {class: 'bit'}, `${heat.tokens[t].text.trim() || '·'} `, el('b', {}, signed(heat.shares[t]))));
  }
  return [
    el('span', {class: unit.share < 0 ? 'oppose' : 'favour'}, el('b', {}, signed(unit.share))),
    partOf(unit.share, heat) && ` · ${partOf(unit.share, heat)}`,
    unit.isSpecial ? ' · a special token' : null,
    parts.length ? el('span', {class: 'parts'}, parts) : null,
  ];
}

function showTip(target, content) {
  const tip = $('tip');
  tip.replaceChildren();
  add(tip, content);
  tip.hidden = false;
  const box = target.getBoundingClientRect();
  const width = tip.offsetWidth;
  const left = Math.max(8, Math.min(box.left + box.width / 2 - width / 2, innerWidth - width - 8));
  const above = box.top - tip.offsetHeight - 6;
  tip.style.setProperty('left', `${left}px`);
  tip.style.setProperty('top', `${above > 4 ? above : box.bottom + 6}px`);
}

function hideTip() {
  $('tip').hidden = true;
}

/* Move the cursor of a text to a unit, and say it. */
function goToUnit(heat, i) {
  heat.node.querySelector('.at')?.classList.remove('at');
  const span = heat.node.querySelector(`[data-i="${i}"]`);
  if (!span) {
    return;
  }
  heat.at = i;
  span.classList.add('at');
  span.scrollIntoView({block: 'nearest'});
  showTip(span, unitTip(heat, i));
  const unit = heat.units[i];
  say(`${unit.isSpecial ? 'special token' : unit.text.trim()}: ${signed(unit.share)}, ${partOf(unit.share, heat)}`);
}

function moveInText(heat, event) {
  const spans = [...heat.node.querySelectorAll('[data-i]')].map((span) => Number(span.dataset.i));
  const at = spans.indexOf(heat.at);
  const to = {ArrowRight: at + 1, ArrowLeft: at < 0 ? 0 : at - 1, Home: 0, End: spans.length - 1}[event.key];
  if (to !== undefined && spans.length) {
    event.preventDefault();
    goToUnit(heat, spans[Math.max(0, Math.min(to, spans.length - 1))]);
  }
}

function watchText(heat) {
  const unitAt = (event) => event.target.closest?.('[data-i]');
  heat.node.addEventListener('pointerover', (event) => {
    const span = unitAt(event);
    if (span) {
      showTip(span, unitTip(heat, Number(span.dataset.i)));
    }
  });
  heat.node.addEventListener('pointerleave', hideTip);
  heat.node.addEventListener('keydown', (event) => moveInText(heat, event));
  heat.node.addEventListener('blur', () => {
    heat.node.querySelector('.at')?.classList.remove('at');
    hideTip();
  });
}

/* Put units first .. end into the text, with signs where some are left out. */
function fillText(heat, first, end) {
  const nodes = [];
  if (first > 0) {
    nodes.push(el('span', {class: 'cut'}, '… '));
  }
  for (let i = first; i < end; i++) {
    nodes.push(...unitSpans(heat.units[i], i, heat.largest));
  }
  if (end < heat.units.length) {
    nodes.push(el('span', {class: 'cut'}, ' …'));
  }
  heat.node.replaceChildren();
  add(heat.node, nodes);
  heat.at = -1;
}

/* A result's text, of which `n` units are shown where it holds most. */
function heatText(result, shares, areWords, n) {
  const {units, tokens} = unitsOf(result.number, shares.tokens, areWords);
  const largest = units.reduce((most, unit) => Math.max(most, unit.isSpecial ? 0 : Math.abs(unit.share)), 0);
  const node = el('div', {
    class: 'text', dir: 'auto', tabindex: '0', role: 'group',
    'aria-label': `Text of ${result.document.id}, with arrow keys from word to word`,
  });
  const heat = {node, units, tokens, largest, shares: shares.tokens, score: result.score};
  heat.show = (all) => {
    const [first, end] = all ? [0, Math.min(units.length, UNITS_AT_ONCE)] : excerptOf(units, n);
    fillText(heat, first, end);
    heat.end = end;
  };
  heat.more = () => {
    heat.end = Math.min(units.length, heat.end + UNITS_AT_ONCE);
    fillText(heat, 0, heat.end);
  };
  heat.isCut = units.length > n;
  watchText(heat);
  heat.show(false);
  return heat;
}

/* The strongest units as a table, for those who do not see colours. */
function unitTable(heat, n) {
  const strongest = heat.units
    .map((unit, i) => ({unit, i}))
    .filter(({unit}) => unit.share !== 0)
    .sort((a, b) => Math.abs(b.unit.share) - Math.abs(a.unit.share) || a.i - b.i)
    .slice(0, n);
  return el('table', {class: 'plain'},
    el('caption', {}, `The ${strongest.length} strongest, rounded`),
    el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, 'Text'), el('th', {scope: 'col', class: 'number'}, 'Share'),
      el('th', {scope: 'col', class: 'number'}, 'Of the score'))),
    el('tbody', {}, strongest.map(({unit}) => el('tr', {},
      said('td', {}, unit.isSpecial ? '◆ special token' : unit.text.trim() || '␣'),
      el('td', {class: 'number'}, signed(unit.share)),
      el('td', {class: 'number'}, run.tokenKind === 'input' ? '–' : percent(unit.share / heat.score))))));
}

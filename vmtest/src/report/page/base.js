// What a run said, and the few helpers that everything else is made of. Text goes into the page as text, never as markup.
const run = JSON.parse(document.getElementById('run').textContent);
const GLYPHS = { passed: '+', failed: '−', broken: '!', skipped: '~', 'not run': '·' };
const OUTCOMES = Object.keys(GLYPHS);
// From bad to good: of several cells the worst one gives the colour.
const WORST = ['failed', 'broken', 'not run', 'skipped', 'passed'];

const byId = (id) => document.getElementById(id);
const cssName = (word) => word.replaceAll(' ', '-');

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === 'class') node.className = value;
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60000)} min ${String(Math.floor((ms % 60000) / 1000)).padStart(2, '0')} s`;
}

const badge = (outcome) => el('span', { class: `badge ${cssName(outcome)}` }, `${GLYPHS[outcome]} ${outcome}`);

// One row of the heat map holds a cell, or nothing, per kernel.
const matrix = run.rows.map(() => run.kernels.map(() => null));
for (const cell of run.cells) matrix[cell.row][cell.kernel] = cell;

const cellName = (cell) => `${run.kernels[cell.kernel].id}/${run.rows[cell.row].id}`;
const cellsByName = new Map(run.cells.map((cell) => [cellName(cell), cell]));

// How long a cell took, between the quickest and the slowest of the run: 0 to 1, by ratios.
const times = run.cells.map((cell) => cell.took_ms).filter((ms) => ms > 0);
const quickest = times.reduce((least, ms) => Math.min(least, ms), Infinity);
const slowest = times.reduce((most, ms) => Math.max(most, ms), 0);
const heat = (ms) => (slowest > quickest ? Math.log(ms / quickest) / Math.log(slowest / quickest) : 0);

// What a cell looks like under each way to colour it: a class, what stands in it, and its share of the heat.
const LOOKS = {
  outcome: (cell) => ({ name: cssName(cell.outcome), text: GLYPHS[cell.outcome] }),
  effect: (cell) => {
    if (!cell.seen) return { name: 'unknown', text: GLYPHS[cell.outcome] };
    const effect = cell.seen[1];
    return { name: cssName(effect), text: { prevented: '■', happened: '○', 'in part': '◪' }[effect] };
  },
  time: (cell) => {
    if (cell.took_ms === 0) return { name: 'unknown', text: GLYPHS[cell.outcome] };
    const share = Math.round(10 + 80 * heat(cell.took_ms));
    const seconds = cell.took_ms / 1000;
    return { name: share > 60 ? 'heat hot' : 'heat', text: seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0), share };
  },
};

// The address holds what is shown, so that a link shows the same.
const state = { text: '', outcomes: new Set(), kernel: '', colour: 'outcome', cell: '' };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  state.text = given.get('text') ?? '';
  state.outcomes = new Set((given.get('outcome') ?? '').split(',').filter((word) => OUTCOMES.includes(word)));
  state.kernel = run.kernels.some((kernel) => kernel.id === given.get('kernel')) ? given.get('kernel') : '';
  state.colour = Object.hasOwn(LOOKS, given.get('colour') ?? '') ? given.get('colour') : 'outcome';
  state.cell = given.get('cell') ?? '';
}

function address(change) {
  const shown = { ...state, ...change };
  const parts = [];
  const add = (name, value) => {
    if (value) parts.push(`${name}=${encodeURIComponent(value).replaceAll('%2F', '/').replaceAll('%40', '@')}`);
  };
  add('cell', shown.cell);
  add('text', shown.text);
  add('outcome', [...shown.outcomes].join(','));
  add('kernel', shown.kernel);
  add('colour', shown.colour === 'outcome' ? '' : shown.colour);
  return `#${parts.join('&')}`;
}


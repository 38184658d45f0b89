// The rest of the page, and what joins its parts: the address, the keys, the colours.
const MOST_GROUPS = 6;

function buildFacts() {
  document.title = `${run.closing_line} · lab run`;
  document.body.classList.toggle('is-green', run.is_green);
  byId('closing').textContent = run.closing_line;
  byId('warnings').append(...run.warnings.map((text) => el('p', { class: 'warning', role: 'alert' }, text)));
  byId('facts').append(...run.facts.map(([name, value]) => el('div', { class: value.length > 60 ? 'long' : '' }, el('dt', {}, name), el('dd', {}, value))));
  const heads = ['kernel', 'release', 'package', 'guests', 'passed', 'of', 'notes'].map((text) => el('th', { scope: 'col' }, text));
  const lines = run.kernels.map((kernel, at) => {
    const own = run.cells.filter((cell) => cell.kernel === at);
    const passed = own.filter((cell) => cell.outcome === 'passed').length;
    return el('tr', {}, el('th', { scope: 'row' }, kernel.id), el('td', {}, kernel.release ?? 'not obtained'), el('td', {}, kernel.package ?? ''),
      el('td', { class: 'wide' }, kernel.guests), el('td', { class: 'number' }, passed), el('td', { class: 'number' }, own.length), el('td', {}, kernel.notes.join('; ')));
  });
  byId('kernels').append(el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...lines));
  const noted = run.kernels.filter((kernel) => kernel.notes.length > 0).length;
  byId('kernel-facts').firstElementChild.textContent = `${run.kernels.length} kernel${run.kernels.length === 1 ? '' : 's'}${noted > 0 ? `, ${noted} with notes` : ''}`;
  byId('kernel-facts').open = noted > 0 && run.kernels.length <= 20;
}

// What is not green, the telling first. Cells that nobody decided have nothing to tell but their number.
function buildGroups() {
  const told = ['failed', 'broken'].flatMap((word) => run.groups.filter((group) => group.word === word));
  const cells = run.cells.filter((cell) => cell.outcome !== 'passed' && cell.outcome !== 'skipped').length;
  byId('attention').hidden = cells === 0;
  byId('attention-title').textContent = `Not green: ${cells} ${cells === 1 ? 'cell' : 'cells'}`;
  const link = (group, kernel) => el('a', { href: address({ cell: `${kernel}/${group.row}` }) }, kernel);
  const item = (group) => el('li', {}, badge(group.word), el('code', {}, group.row), ' on ',
    ...group.kernels.flatMap((kernel, at) => (at === 0 ? [link(group, kernel)] : [', ', link(group, kernel)])),
    ...group.reasons.slice(0, 3).map((reason) => el('p', { class: 'reasons' }, reason)),
    group.reasons.length > 3 ? el('p', { class: 'reasons' }, `and ${group.reasons.length - 3} more`) : null);
  byId('groups').append(...told.slice(0, MOST_GROUPS).map(item));
  if (counts['not run'] > 0) {
    const number = counts['not run'];
    byId('groups').append(el('li', {}, badge('not run'), el('a', { href: '#outcome=not%20run' }, number === 1 ? '1 cell' : `${number} cells`), ' planned and not decided'));
  }
  if (told.length > MOST_GROUPS) {
    const more = el('button', { type: 'button', class: 'quiet', onclick: () => {
      byId('groups').append(...told.slice(MOST_GROUPS).map(item));
      more.remove();
    } }, `Show ${told.length - MOST_GROUPS} more`);
    byId('attention').append(more);
  }
}

const THEMES = { '': ['Colours: system', 'Colours: as the system has them'], light: ['Colours: light', 'Colours: light'], dark: ['Colours: dark', 'Colours: dark'] };

function buildTheme() {
  const order = Object.keys(THEMES);
  const button = byId('theme');
  const show = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.textContent = THEMES[theme][0];
    button.setAttribute('aria-label', THEMES[theme][1]);
  };
  let theme = '';
  show(theme);
  button.addEventListener('click', () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    show(theme);
  });
}

function follow() {
  const before = state.cell;
  readAddress();
  showFilter();
  const cell = cellsByName.get(state.cell);
  if (cell) areas.get(run.rows[cell.row].area).folded = false;
  paint();
  filter();
  renderDetail();
  if (cell) {
    place(lines.find((line) => line.row === cell.row), cell.kernel, false);
    lines[cursor.line].cells[cursor.column].scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
  if (state.cell) byId('detail-title').focus({ preventScroll: true });
  else if (before) lines[cursor.line]?.cells[cursor.column]?.focus({ preventScroll: true });
}

function nextNotGreen() {
  const red = run.cells.filter((cell) => cell.outcome !== 'passed' && cell.outcome !== 'skipped');
  if (red.length === 0) return;
  const at = red.findIndex((cell) => cellName(cell) === state.cell);
  open(red[(at + 1) % red.length]);
}

function onKey(event) {
  if (event.ctrlKey && !['Home', 'End'].includes(event.key)) return;
  if (event.metaKey || event.altKey) return;
  const isTyping = ['INPUT', 'SELECT'].includes(event.target.tagName);
  const inGrid = event.target.closest('#grid') !== null && event.target.tagName === 'TD';
  let done = true;
  if (event.key === 'Escape' && state.cell) close();
  else if (event.key === 'Escape' && event.target.id === 'text' && state.text) change({ text: '' });
  else if (isTyping) done = false;
  else if (event.key === '/') {
    if (state.cell && isNarrow.matches) close();
    byId('text').focus();
  } else if (event.key === 'n') nextNotGreen();
  else if (inGrid && (event.key === 'Enter' || event.key === ' ')) press();
  else if (inGrid) done = move(event.key, event.ctrlKey);
  else done = false;
  if (done) event.preventDefault();
}

buildFacts();
buildGroups();
buildGrid();
buildFilter();
buildTheme();
grid.addEventListener('focusin', (event) => { if (event.target.tagName === 'TD') placeAt(event.target); });
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  lines[cursor.line]?.cells[cursor.column]?.focus();
});
document.addEventListener('keydown', onKey);
addEventListener('hashchange', follow);
isNarrow.addEventListener('change', renderDetail);
follow();
document.documentElement.dataset.ready = String(Math.round(performance.now()));

// Everything that is known about one cell, beside the heat map or, on a small screen, over it.
const detail = byId('detail');
const isNarrow = matchMedia('(max-width: 720px)');

function open(cell) {
  location.hash = address({ cell: cellName(cell) });
}

function close() {
  location.hash = address({ cell: '' });
}

function section(title, ...children) {
  const shown = children.flat().filter(Boolean);
  return shown.length === 0 ? null : el('section', {}, el('h3', {}, title), ...shown);
}

function oracle(cell) {
  if (!cell.oracle) return null;
  const line = (each) => el('tr', { class: each.holds ? '' : 'differs' },
    el('th', { scope: 'row' }, each.what), el('td', {}, each.expected), el('td', {}, each.seen),
    el('td', {}, el('span', { class: `swatch ${each.holds ? 'passed' : 'failed'}` }, each.holds ? '+' : '−'),
      el('span', { class: 'hidden' }, each.holds ? 'as expected' : 'differs')));
  const heads = ['', 'expected', 'seen', ''].map((text) => el('th', { scope: 'col' }, text));
  return el('table', { class: 'oracle' }, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...cell.oracle.map(line)));
}

function steps(cell) {
  if (!cell.phases) return null;
  const whole = Math.max(1, ...cell.phases.map(([, from, took]) => from + took));
  const list = cell.phases.flatMap(([name, from, took]) => {
    const bar = el('span', { class: 'bar' });
    bar.style.left = `${(100 * from) / whole}%`;
    bar.style.width = `${(100 * took) / whole}%`;
    return [el('span', {}, name.replaceAll('_', ' ')), el('span', { class: 'track', 'aria-hidden': 'true' }, bar), el('span', { class: 'ms' }, duration(took))];
  });
  const attach = cell.attach_ms ? ` Between starting the enforcer and its readiness the guest counted ${duration(cell.attach_ms)}.` : '';
  return [el('div', { class: 'steps' }, ...list), el('p', { class: 'note' }, `Time of the host, from the request to the verdict.${attach}`)];
}

function command(text) {
  if (!text) return null;
  const button = el('button', { type: 'button', class: 'quiet', onclick: () => copy(text, button) }, 'Copy');
  return el('div', { class: 'command' }, el('pre', { tabindex: 0 }, text), button);
}

function copy(text, button) {
  // Pages opened from a file may lack the clipboard; the command can still be selected.
  const said = (word) => { button.textContent = word; };
  if (!navigator.clipboard) return said('Select it');
  navigator.clipboard.writeText(text).then(() => said('Copied'), () => said('Select it'));
}

function traces(cell) {
  if (!cell.traces) return null;
  const item = ([path, what]) => el('li', {}, el('a', { href: encodeURI(path) }, el('code', {}, path)), ` ${what}`);
  return el('ul', { class: 'traces' }, ...cell.traces.map(item));
}

function sameRow(cell) {
  const cells = matrix[cell.row].filter(Boolean);
  if (cells.length < 2) return null;
  const one = (other) => el('button', { type: 'button', class: cssName(other.outcome), 'aria-current': other === cell ? 'true' : null,
    'aria-label': `${run.kernels[other.kernel].id}: ${other.outcome}`, onclick: () => open(other) }, `${GLYPHS[other.outcome]} ${run.kernels[other.kernel].id}`);
  return el('div', { class: 'strip' }, ...cells.map(one));
}

function consoleOf(cell) {
  const own = cell.console;
  const lines = own ?? (cell.outcome === 'passed' || cell.outcome === 'skipped' ? [] : run.kernels[cell.kernel].console);
  if (lines.length === 0) return null;
  const note = own ? null : el('p', { class: 'note' }, 'Of the boot of this kernel that failed last.');
  return [note, el('pre', { tabindex: 0 }, lines.join('\n'))];
}

function events(cell) {
  if (!cell.events) return null;
  const text = cell.events.map((event) => JSON.stringify(event, null, 2)).join('\n');
  return el('details', { open: cell.outcome !== 'passed' }, el('summary', {}, `${cell.events.length} shown`), el('pre', { tabindex: 0 }, text));
}

function renderDetail() {
  const cell = cellsByName.get(state.cell);
  document.body.classList.toggle('with-detail', Boolean(state.cell));
  byId('main').inert = Boolean(state.cell) && isNarrow.matches;
  if (!state.cell) {
    detail.hidden = true;
    detail.replaceChildren();
    return;
  }
  const shut = el('button', { type: 'button', class: 'quiet', id: 'shut', onclick: close }, 'Close');
  if (!cell) {
    const head = el('div', { class: 'head' }, el('h2', { id: 'detail-title', tabindex: -1 }, 'No such cell'), shut);
    detail.replaceChildren(head, el('p', { class: 'title' }, `This run has no cell ${state.cell}.`));
    detail.hidden = false;
    return;
  }
  const row = run.rows[cell.row];
  const kind = { broken: ' is-broken', 'not run': ' is-broken', skipped: ' is-skipped' }[cell.outcome] ?? '';
  const why = (cell.reasons ?? []).map((reason) => el('p', { class: `why${kind}` }, reason));
  const said = (cell.said ?? []).map(([who, text]) => [el('p', { class: 'note' }, who), el('pre', { tabindex: 0 }, text)]);
  const seen = cell.seen ? el('p', {}, cell.seen.join(' · ')) : null;
  const sections = [
    why.length > 0 ? section('Why', why) : null,
    section('On every kernel', sameRow(cell)),
    section('Expected and seen', seen, oracle(cell)),
    section('Steps', steps(cell)),
    section('Perform it again', command(cell.again)),
    section('Enter its guest, with the policy in force', command(cell.enter)),
    section('Console, last lines', consoleOf(cell)),
    section('Traces of its boot', traces(cell)),
    section('Standard error', said.flat()),
    section('Events of the enforcer about the acting process', events(cell)),
  ];
  detail.replaceChildren(
    el('div', { class: 'head' }, el('h2', { id: 'detail-title', tabindex: -1 }, badge(cell.outcome), cellName(cell)), shut),
    el('p', { class: 'title' }, row.title),
    el('p', {}, ...row.claims.map((claim) => el('span', { class: 'tag', title: `Claim ${claim} of SPEC.md` }, claim)), el('span', { class: 'note' }, ` took ${duration(cell.took_ms)}`)),
    ...sections.filter(Boolean));
  detail.scrollTop = 0;
  detail.hidden = false;
}


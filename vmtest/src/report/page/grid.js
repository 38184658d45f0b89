// The heat map: a body per area, a line per scenario and file system, a column per kernel.
const grid = byId('grid');
// Lines in their order: { tr, area, row, cells }, where an area's own line has no row.
const lines = [];
const areas = new Map();

function buildGrid() {
  grid.classList.toggle('dense', run.kernels.length > 10);
  const kernels = run.kernels.map((kernel, at) =>
    el('th', { scope: 'col', role: 'columnheader', 'data-kernel': at, title: kernel.release ?? 'not obtained' },
      el('div', { class: kernel.id.length > 5 ? 'tall' : '' }, kernel.id)));
  grid.append(el('thead', {}, el('tr', { role: 'row' }, el('th', { role: 'columnheader', scope: 'col' }, 'scenario'), ...kernels)));
  run.rows.forEach((row, at) => {
    if (!areas.has(row.area)) areas.set(row.area, { name: row.area, rows: [], body: el('tbody', { role: 'rowgroup' }), folded: false });
    areas.get(row.area).rows.push(at);
  });
  // A long table starts with its green areas folded: what is not green is what one comes for.
  const isLong = run.rows.length > 60;
  for (const area of areas.values()) {
    area.folded = isLong && area.rows.every((row) => matrix[row].every((cell) => !cell || cell.outcome === 'passed'));
    lines.push(buildArea(area));
    for (const row of area.rows) lines.push(buildRow(area, row));
    area.body.append(...lines.filter((line) => line.area === area).map((line) => line.tr));
    grid.append(area.body);
  }
}

function buildArea(area) {
  const header = el('th', { scope: 'rowgroup', role: 'rowheader' },
    el('div', {}, el('span', { class: 'name' }, area.name), el('span', { class: 'at' }, `\u00a0${area.rows.length}`)));
  const cells = run.kernels.map((kernel, at) => {
    const all = area.rows.map((row) => matrix[row][at]).filter(Boolean);
    if (all.length === 0) return el('td', { role: 'gridcell', tabindex: -1, 'aria-label': `${kernel.id} ${area.name}: no cells` });
    const passed = all.filter((cell) => cell.outcome === 'passed').length;
    const worst = WORST.find((word) => all.some((cell) => cell.outcome === word));
    const text = passed === all.length ? `${passed}` : `${passed}/${all.length}`;
    return el('td', { role: 'gridcell', tabindex: -1, class: cssName(worst), 'aria-label': `${kernel.id} ${area.name}: ${passed} of ${all.length} passed` }, text);
  });
  const tr = el('tr', { role: 'row', class: 'area', onclick: () => fold(area, !area.folded) }, header, ...cells);
  return { tr, area, row: null, cells };
}

function buildRow(area, at) {
  const row = run.rows[at];
  const header = el('th', { scope: 'row', role: 'rowheader', title: `${row.id}\n${row.title}` },
    el('div', {}, el('span', { class: 'name' }, row.name), row.file_system === 'none' ? null : el('span', { class: 'at' }, `@${row.file_system}`)));
  const cells = matrix[at].map((cell, kernel) => {
    if (!cell) return el('td', { role: 'gridcell', tabindex: -1, 'aria-label': `${run.kernels[kernel].id} ${row.id}: not planned` });
    const words = [cell.outcome, ...(cell.seen ?? [])].join(', ');
    return el('td', { role: 'gridcell', tabindex: -1, 'aria-label': `${cellName(cell)}: ${words}`, onclick: () => open(cell) });
  });
  return { tr: el('tr', { role: 'row' }, header, ...cells), area, row: at, cells };
}

function paint() {
  const look = LOOKS[state.colour];
  for (const line of lines) {
    if (line.row === null) continue;
    line.cells.forEach((td, kernel) => {
      const cell = matrix[line.row][kernel];
      if (!cell) return;
      const { name, text, share } = look(cell);
      const faint = state.outcomes.size > 0 && !state.outcomes.has(cell.outcome);
      td.className = `cell ${name}${faint ? ' faint' : ''}${cellName(cell) === state.cell ? ' open' : ''}`;
      td.textContent = text;
      td.style.setProperty('--share', share === undefined ? '' : `${share}%`);
    });
  }
}

function fold(area, folded) {
  area.folded = folded;
  filter();
}

// Which cell the keys move from; exactly one cell of the grid is in the order of the tab key.
const cursor = { line: 0, column: 0 };

const shownLines = () => lines.filter((line) => !line.tr.hidden);
const shownColumns = () => run.kernels.map((kernel, at) => at).filter((at) => !state.kernel || run.kernels[at].id === state.kernel);

function place(line, column, focus) {
  for (const td of grid.querySelectorAll('td[tabindex="0"]')) td.tabIndex = -1;
  cursor.line = lines.indexOf(line);
  cursor.column = column;
  const td = line.cells[column];
  if (!td) return;
  td.tabIndex = 0;
  if (focus) {
    td.focus({ preventScroll: true });
    td.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
}

function placeSomewhere() {
  const shown = shownLines();
  const columns = shownColumns();
  if (shown.length === 0 || columns.length === 0) return;
  const line = shown.includes(lines[cursor.line]) ? lines[cursor.line] : shown[0];
  place(line, columns.includes(cursor.column) ? cursor.column : columns[0], false);
}

function placeAt(target) {
  const line = lines[cursor.line];
  if (line?.cells[cursor.column] === target) return;
  const found = lines.find((each) => each.cells.includes(target));
  if (found) place(found, found.cells.indexOf(target), false);
}

function move(key, isFar) {
  const shown = shownLines();
  const columns = shownColumns();
  const line = Math.max(0, shown.indexOf(lines[cursor.line]));
  const column = Math.max(0, columns.indexOf(cursor.column));
  const within = (at, all) => all[Math.min(Math.max(at, 0), all.length - 1)];
  const to = {
    ArrowUp: [line - 1, column], ArrowDown: [line + 1, column], ArrowLeft: [line, column - 1], ArrowRight: [line, column + 1],
    PageUp: [line - 10, column], PageDown: [line + 10, column],
    Home: [isFar ? 0 : line, 0], End: [isFar ? shown.length - 1 : line, columns.length - 1],
  }[key];
  if (!to) return false;
  place(within(to[0], shown), within(to[1], columns), true);
  return true;
}

function press() {
  const line = lines[cursor.line];
  if (line.row === null) return fold(line.area, !line.area.folded);
  const cell = matrix[line.row][cursor.column];
  if (cell) open(cell);
}


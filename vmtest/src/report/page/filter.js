// Which lines and columns are shown.
const counts = Object.fromEntries(OUTCOMES.map((word) => [word, run.cells.filter((cell) => cell.outcome === word).length]));

function buildFilter() {
  for (const word of OUTCOMES.filter((each) => counts[each] > 0)) {
    const chip = el('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', 'data-outcome': word, onclick: () => toggle(word) },
      el('span', { class: `swatch ${cssName(word)}`, 'aria-hidden': 'true' }, GLYPHS[word]), `${counts[word]} ${word}`);
    byId('outcomes').append(chip);
  }
  byId('kernel').append(el('option', { value: '' }, 'all'), ...run.kernels.map((kernel) => el('option', { value: kernel.id }, kernel.id)));
  byId('text').addEventListener('input', () => change({ text: byId('text').value }));
  byId('kernel').addEventListener('change', () => change({ kernel: byId('kernel').value }));
  byId('colour').addEventListener('change', () => change({ colour: byId('colour').value }));
  byId('clear').addEventListener('click', () => change({ text: '', outcomes: new Set(), kernel: '' }));
  const all = (folded) => () => {
    for (const area of areas.values()) area.folded = folded;
    filter();
  };
  byId('unfold').addEventListener('click', all(false));
  byId('fold').addEventListener('click', all(true));
}

function toggle(word) {
  const outcomes = new Set(state.outcomes);
  if (!outcomes.delete(word)) outcomes.add(word);
  change({ outcomes });
}

// Typing must not fill the history of the browser; opening a cell may.
function change(what) {
  history.replaceState(null, '', address(what));
  Object.assign(state, what);
  showFilter();
  paint();
  filter();
}

function showFilter() {
  if (byId('text').value !== state.text) byId('text').value = state.text;
  byId('kernel').value = state.kernel;
  byId('colour').value = state.colour;
  for (const chip of byId('outcomes').children) chip.setAttribute('aria-pressed', state.outcomes.has(chip.dataset.outcome));
  const legends = {
    outcome: OUTCOMES.map((word) => [cssName(word), GLYPHS[word], { passed: 'everything was as claimed', failed: 'a claim did not hold', broken: 'the lab could not find out', skipped: 'skipped', 'not run': 'not run' }[word]]),
    effect: [['prevented', '■', 'effect prevented'], ['happened', '○', 'effect happened'], ['in-part', '◪', 'in part'], ['unknown', '~', 'nothing was seen']],
    time: [['heat', '', 'seconds from request to verdict; the darker the longer']],
  };
  byId('legend').replaceChildren(...legends[state.colour].map(([name, glyph, text]) => el('span', {}, el('span', { class: `swatch ${name}`, style: '--share: 45%' }, glyph), text)));
}

const searched = run.rows.map((row) => [row.id, row.title, ...row.claims].join('\n').toLowerCase());

function filter() {
  const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  const columns = new Set(shownColumns());
  const fits = (cell) => cell && (state.outcomes.size === 0 || state.outcomes.has(cell.outcome));
  const isWanted = run.rows.map((row, at) => words.every((word) => searched[at].includes(word)) && matrix[at].some((cell, kernel) => columns.has(kernel) && fits(cell)));
  const isFiltered = words.length > 0 || state.outcomes.size > 0;
  let shown = 0;
  for (const line of lines) {
    if (line.row === null) {
      line.tr.hidden = !line.area.rows.some((row) => isWanted[row]);
      // A filter shows what it finds, whatever is folded.
      const folded = line.area.folded && !isFiltered;
      line.tr.classList.toggle('folded', folded);
      line.tr.setAttribute('aria-expanded', String(!folded));
    } else {
      const wanted = isWanted[line.row];
      line.tr.hidden = !wanted || (line.area.folded && !isFiltered);
      if (wanted) shown += matrix[line.row].filter((cell, kernel) => columns.has(kernel) && fits(cell)).length;
    }
    line.cells.forEach((td, kernel) => { td.hidden = !columns.has(kernel); });
  }
  for (const th of grid.tHead.rows[0].cells) if (th.dataset.kernel) th.hidden = !columns.has(Number(th.dataset.kernel));
  byId('nothing').hidden = shown > 0;
  byId('grid-scroll').hidden = shown === 0;
  byId('count').textContent = shown === run.cells.length ? `${shown} cells` : `${shown} of ${run.cells.length} cells`;
  placeSomewhere();
}


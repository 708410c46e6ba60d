// main.js: the sections, the choice of run and process, the keys.

const SECTIONS = [
  {id: 'difference', title: 'What changed', draw: drawDifference, needs: () => data.runs.length > 1},
  {id: 'summary', title: 'Summary', draw: drawSummary},
  {id: 'memory', title: 'Memory over time', draw: drawMemory},
  {id: 'latency', title: 'Latency', draw: drawLatency},
  {id: 'slabs', title: 'SuperSlabs and slabs', draw: drawSlabs},
  {id: 'flame', title: 'Flame graphs', draw: drawFlame},
  {id: 'sites', title: 'Call sites', draw: drawSites},
  {id: 'incidents', title: 'Incidents', draw: drawIncidents},
];

let resizes = []; // what draws anew when the width changed, beside the pictures over time

function mark(id) {
  for (const section of document.querySelectorAll('section')) section.classList.toggle('arrived', section.id === id);
}

function go(id) {
  const target = document.getElementById(id);
  if (!target) return;
  mark(target.closest('section').id);
  target.scrollIntoView();
  if (target.hasAttribute('tabindex')) target.focus({preventScroll: true});
}

function draw() {
  const v = look();
  const main = document.getElementById('main');
  main.replaceChildren();
  resizes = [];
  if (!v.p) { main.append(empty('The data have no process.')); return; }
  time.begin(Math.max(v.p.elapsed_ns || 0, ...v.p.timeline.map((m) => m.time_ns)));
  for (const section of SECTIONS.filter((s) => !s.needs || s.needs())) {
    const node = element('section', {id: section.id, tabindex: '-1', 'aria-labelledby': section.id + '-title'}, element('h2', {id: section.id + '-title'}, section.title));
    main.append(node);
    section.draw(node, v);
  }
}

function processName(p) { return p.merge ? `${p.merge.runs} runs of ${p.merge.hosts} hosts: ${p.merge.processes} processes` : baseName(p.program || '?') + ' ' + p.pid + (p.rss_max ? ', ' + format.bytes(p.rss_max) + ' at most' : ''); }

function fillProcesses() {
  const select = document.getElementById('process'), processes = look().processes;
  select.replaceChildren(...processes.map((p, i) => element('option', {value: i, selected: i === view.process}, processName(p))));
}

// Of those that are nearly as large as the largest one, the one that allocated most: a server's main process rests, and may be a little larger.
function shownFirst() {
  const processes = look().processes, size = (p) => p.rss_max || 0, most = Math.max(...processes.map(size));
  return processes.reduce((best, p, i) => (size(p) >= 0.75 * most && (size(processes[best]) < 0.75 * most || p.allocs > processes[best].allocs) ? i : best), 0);
}

function showProcess(pid) {
  const index = pid === null ? -1 : look().processes.findIndex((p) => p.pid === pid);
  if (index < 0 || index === view.process) return;
  view.process = index;
  document.getElementById('process').value = String(index);
  draw();
}

function showRun(run) {
  view.run = run;
  view.process = shownFirst();
  document.getElementById('path').textContent = look().report.path;
  document.title = 'hakmem: ' + look().report.path;
  fillProcesses();
  draw();
}

const KEYS = [
  ['?', 'Show or hide these keys', () => toggleKeys()],
  ['1 … 8', 'Go to a section', null],
  ['+', 'Zoom into the time axis', () => time.zoom(0.5)],
  ['-', 'Zoom out', () => time.zoom(2)],
  [',', 'Earlier', () => time.pan(-0.25)],
  ['.', 'Later', () => time.pan(0.25)],
  ['0', 'Show the whole run', () => time.reset()],
  ['p', 'The next process', () => step('process')],
  ['r', 'The other run', () => step('run')],
  ['/', 'Search in the flame graph', () => { go('flame'); const search = document.getElementById('flame-search'); if (search) search.focus(); }],
  ['f', 'Filter the call sites', () => { go('sites'); const search = document.querySelector('#sites input[type=search]'); if (search) search.focus(); }],
  ['Tab, arrows, Enter', 'Move in pictures and flame graphs; choose', null],
  ['Escape', 'Leave a field; show all of the flame graph', null],
];

function step(id) {
  const select = document.getElementById(id);
  if (select.options.length < 2) return;
  select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
  select.dispatchEvent(new Event('change'));
}

function toggleKeys() {
  const dialog = document.getElementById('keys');
  if (dialog.open) dialog.close(); else dialog.showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const links = document.querySelectorAll('#nav a');
  if (/^[1-9]$/.test(event.key) && links[event.key - 1]) { go(links[event.key - 1].hash.slice(1)); return; }
  const key = KEYS.find(([name]) => name === event.key || (name === '+' && event.key === '='));
  if (key && key[2]) { event.preventDefault(); key[2](); }
}

// The libraries that the processes ran with. A trace may not know its build.
function libraries() {
  const all = data.runs.flatMap((run) => [run.report.stats, run.report.trace].flatMap((part) => (part ? part.processes : [])));
  const names = new Set(all.filter((p) => p.version).map((p) => 'hakmem ' + p.version + (p.build_id ? ' (build id ' + p.build_id + ')' : '')));
  return names.size ? 'The processes ran under ' + [...names].join(', ') + '. ' : '';
}

function begin() {
  const nav = document.getElementById('nav');
  for (const section of SECTIONS.filter((s) => !s.needs || s.needs())) nav.append(element('a', {href: '#' + section.id, onclick: () => mark(section.id)}, section.title));
  document.getElementById('keys').append(element('h2', {}, 'Keys'), element('dl', {}, KEYS.map(([name, what]) => [element('dt', {}, name), element('dd', {}, what)])), element('form', {method: 'dialog'}, element('button', {}, 'Close')));
  document.getElementById('help').addEventListener('click', toggleKeys);
  for (const [id, act] of [['in', () => time.zoom(0.5)], ['out', () => time.zoom(2)], ['left', () => time.pan(-0.25)], ['right', () => time.pan(0.25)], ['reset', () => time.reset()]]) document.getElementById('time-' + id).addEventListener('click', act);
  document.getElementById('process').addEventListener('change', (event) => { view.process = Number(event.target.value); draw(); });
  const run = document.getElementById('run');
  if (data.runs.length > 1) {
    document.getElementById('run-label').hidden = false;
    run.append(...data.runs.map((r, i) => element('option', {value: i}, (i ? 'B: ' : 'A: ') + r.report.path)));
    run.value = String(data.runs.length - 1);
  }
  run.addEventListener('change', () => showRun(Number(run.value)));
  document.addEventListener('keydown', onKey);
  document.getElementById('made').textContent = 'Made by hakmem ' + data.version + '. ' + libraries() + 'Every figure is one of hakmem report --json, explain --json or diff --json.';
  showRun(data.runs.length - 1);
  let width = document.documentElement.clientWidth;
  addEventListener('resize', () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    requestAnimationFrame(() => { for (const redraw of [...time.pictures, ...resizes]) redraw(); if (latencyView.redraw) latencyView.redraw(); });
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { for (const redraw of resizes) redraw(); });
}

begin();

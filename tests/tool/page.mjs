// page.mjs: looks at the pages of page.sh in a headless Chromium: node page.mjs DIRECTORY
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {launch} from '../../tools/page/browser.mjs';

const place = process.argv[2];
const json = (name) => JSON.parse(readFileSync(join(place, name), 'utf8'));
const expected = {runs: [{report: json('a.report.json'), explain: json('a.explain.json'), own: json('a.own.json')}, {report: json('b.report.json'), explain: json('b.explain.json'), own: json('b.own.json')}], diff: json('diff.json')};
const browser = await launch();
const settle = () => new Promise((resolve) => setTimeout(resolve, 60));
let checks = 0;
function check(name, condition, detail = '') { checks++; assert.ok(condition, name + (detail !== '' ? ': ' + JSON.stringify(detail) : '')); }
const equal = (name, actual, wanted) => { checks++; assert.deepEqual(actual, wanted, name); };

// The figure that a text of the page stands for; the page rounds to three digits.
const SCALE = {B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4, ns: 1, 'µs': 1e3, ms: 1e6, s: 1e9};
function reads(text, value, unit) {
  if (value === null) return text === 'unknown';
  if (unit === 'text') return text === String(value);
  const match = /^([-−]?[\d.,]+)(?: (\S+))?$/.exec(text);
  if (!match) return false;
  const number = Number(match[1].replace(/,/g, '').replace('−', '-')) * (match[2] && match[2] !== 'ticks' ? SCALE[match[2]] : 1) / (unit === 'ms' ? 1e6 : 1);
  return Math.abs(number - value) <= Math.max(0.006 * Math.abs(value), 1e-9) || (unit === 'bytes' && Math.abs(number - value) <= 0.5) || (unit === 'ms' && Math.abs(number - value) < 0.01);
}

async function figuresAreTrue(tab, what, least) {
  await tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
  await settle();
  const figures = await tab.evaluate("[...document.querySelectorAll('[data-pointer]')].map((n) => ({pointer: n.dataset.pointer, value: n.dataset.value ?? null, unit: n.dataset.unit ?? null, text: n.classList.contains('figure') ? n.textContent : null}))");
  check(what + ': enough figures', figures.length >= least, figures.length);
  for (const f of figures) {
    const wanted = f.pointer.slice(1).split('/').reduce((value, key) => value?.[key], expected);
    check(what + ': ' + f.pointer + ' is in the JSON', wanted !== undefined, f);
    check(what + ': ' + f.pointer + ' equals the JSON', f.value === String(wanted), {page: f.value, json: wanted});
    if (f.text !== null) check(what + ': the text of ' + f.pointer, reads(f.text, wanted, f.unit), {text: f.text, json: wanted});
  }
}

// The library of the processes, as in the report.
async function namesLibrary(tab, what) {
  const made = await tab.evaluate("document.getElementById('made').textContent");
  const ran = expected.runs[0].report.stats.processes[0];
  check(what + ': the build id is known', /^[0-9a-f]{40}$/.test(ran.build_id), ran.build_id);
  check(what + ': names the library', made.includes('hakmem ' + ran.version + ' (build id ' + ran.build_id + ')'), made);
}

const range = (tab) => tab.evaluate("document.getElementById('time-range').textContent");
const count = (tab, selector) => tab.evaluate('document.querySelectorAll(' + JSON.stringify(selector) + ').length');
const box = (tab, selector) => tab.evaluate(`(() => { const n = document.querySelector(${JSON.stringify(selector)}); n.scrollIntoView({block: 'center', behavior: 'instant'}); const b = n.getBoundingClientRect(); return {x: b.left, y: b.top, width: b.width, height: b.height}; })()`);
async function click(tab, selector) {
  const b = await box(tab, selector);
  await tab.mouse('mousePressed', b.x + b.width / 2, b.y + b.height / 2, 1);
  await tab.mouse('mouseReleased', b.x + b.width / 2, b.y + b.height / 2);
  await settle();
}
async function drag(tab, selector, from, to) {
  const b = await box(tab, selector), y = b.y + b.height / 2;
  await tab.mouse('mouseMoved', b.x + b.width * from, y);
  await tab.mouse('mousePressed', b.x + b.width * from, y, 1);
  for (const share of [0.3, 0.6, 1]) await tab.mouse('mouseMoved', b.x + b.width * (from + (to - from) * share), y, 1);
  await tab.mouse('mouseReleased', b.x + b.width * to, y);
  await settle();
}

try {
  const url = (name) => 'file://' + join(place, name);
  let fastest = Infinity;
  for (let i = 0; i < 20 && fastest > 1000; i++) { // the machine may be busy
    const tab = await browser.open(url('a.html'));
    fastest = Math.min(fastest, await tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"));
  }
  check('the page opens in under a second', fastest < 1000, fastest);

  // ---- One run ----
  const tab = await browser.open(url('a.html'));
  await settle();
  equal('sections', await tab.evaluate("[...document.querySelectorAll('section')].map((s) => s.id)"), ['summary', 'memory', 'latency', 'slabs', 'flame', 'sites', 'incidents']);
  await namesLibrary(tab, 'one run');
  await figuresAreTrue(tab, 'one run', 300);
  const own = expected.runs[0].own[await tab.evaluate("document.querySelector('#summary .figure').dataset.value")];
  equal('rows of snapshots', await count(tab, '#memory tbody tr'), expected.runs[0].report.stats.processes.find((p) => p.incidents.length).timeline.length);
  equal('bars of the histogram', await count(tab, '#latency .bar-of'), own.calls.malloc.latency.all.buckets.length);
  check('findings link to what they rest on', (await tab.evaluate("[...document.querySelectorAll('.finding')].every((f) => f.querySelector('.links a'))")));
  equal('findings', await count(tab, '.finding'), expected.runs[0].explain.findings.length);
  check('layers of memory', (await count(tab, '#memory .layer')) === 9);
  check('the resident set and the residual', (await count(tab, '#memory .rss')) === 1 && (await count(tab, '#memory .residual')) === 1);
  const wide = (selector) => tab.evaluate(`(() => { const b = document.querySelector(${JSON.stringify(selector)}).getBBox(); return {width: b.width, right: Math.round(b.x + b.width)}; })()`);
  const residual = await wide('#memory .residual'), layer = await wide('#memory .layer');
  check('the residual is drawn at the end only', residual.width < layer.width / 10 && residual.right === layer.right, {residual, layer});
  check('a mark for each incident', (await count(tab, '#memory .mark-head')) === expected.runs[0].report.stats.processes.find((p) => p.incidents.length).incidents.length);
  check('cells of latencies over time', (await count(tab, '#latency .cell')) > 5);

  // Whole calls, and the slabs as the data have them.
  const shownProcess = expected.runs[0].report.stats.processes.find((p) => p.incidents.length);
  const rowsOf = (label) => count(tab, `#latency [aria-label="${label}"] tbody tr:not(.detail)`);
  equal('a row for each kind of call', await rowsOf('Calls by kind'), Object.keys(own.calls).length);
  equal('a row for each of the longest calls', await rowsOf('The longest calls'), shownProcess.longest_calls.length);
  const lastMap = shownProcess.slab_maps[shownProcess.slab_maps.length - 1];
  check('the map is the last one', (await tab.evaluate("document.querySelector('#slabs output').textContent")).includes(lastMap.superslabs.length + ' SuperSlabs, ' + lastMap.slabs.length + ' slabs'), lastMap.slabs.length);

  // Hostile names are text.
  equal('no element from a name', await count(tab, 'img'), 0);
  check('the title is not taken over', !(await tab.evaluate('document.title')).startsWith('owned'));
  check('the hostile function is shown as text', await tab.evaluate("document.getElementById('flame').textContent.includes('</script><img') || [...document.querySelectorAll('#flame [aria-label]')].some((n) => n.getAttribute('aria-label').includes('</script><img'))"));

  // The time axis: drag, keys, buttons, one range for all pictures.
  const whole = await range(tab);
  await drag(tab, '#memory .drag', 0.4, 0.6);
  const zoomed = await range(tab);
  check('dragging zooms', zoomed !== whole, zoomed);
  const axes = await tab.evaluate("[...document.querySelectorAll('.drag')].map((d) => [...d.querySelectorAll('svg > g:last-of-type .tick text')].map((t) => t.textContent).join())");
  check('all pictures share the axis', axes.length >= 2 && axes.every((a) => a === axes[0]), axes);
  await click(tab, '#time-reset');
  equal('the button shows the whole run', await range(tab), whole);
  await tab.evaluate("document.activeElement.blur()");
  await tab.press('+');
  check('the key + zooms', (await range(tab)) !== whole);
  await tab.press('0');
  equal('the key 0 shows the whole run', await range(tab), whole);
  await tab.press('?');
  check('the key ? shows the keys', await tab.evaluate("document.getElementById('keys').open"));
  await tab.press('Escape');
  check('Escape closes them', !(await tab.evaluate("document.getElementById('keys').open")));
  await tab.press('3');
  check('a number goes to a section', await tab.evaluate("document.getElementById('latency').classList.contains('arrived')"));

  // The other process.
  const pidOf = () => tab.evaluate("document.querySelector('#summary .figure').dataset.value");
  const pids = expected.runs[0].report.stats.processes.map((p) => String(p.pid));
  equal('processes', await count(tab, '#process option'), pids.length);
  check('there are two processes', pids.length === 2);
  const first = await pidOf();
  await tab.press('p');
  await settle();
  const second = await pidOf();
  check('the key p shows the other process', second !== first && pids.includes(second), second);
  await figuresAreTrue(tab, 'the other process', 50);
  await tab.press('p');
  await settle();
  equal('and back', await pidOf(), first);

  // Latency by kind and class.
  await click(tab, '#latency button[data-value="drain"]');
  equal('bars of another histogram', await count(tab, '#latency .bar-of'), own.latency.drain.all.buckets.length);
  const cls = Object.keys(own.latency.drain.classes)[0];
  await tab.evaluate(`(() => { const s = document.querySelector('#latency label select'); s.value = ${JSON.stringify(cls)}; s.dispatchEvent(new Event('change')); })()`);
  equal('bars of a class', await count(tab, '#latency .bar-of'), own.latency.drain.classes[cls].buckets.length);
  await figuresAreTrue(tab, 'drains', 300);

  // Flame graph: kinds, search, zoom by mouse and key, both forms.
  const kinds = await tab.evaluate("[...document.querySelectorAll('#flame .controls:first-child button')].map((b) => b.dataset.value)");
  for (const kind of ['live', 'peak', 'pinned', 'waste']) check('flame graph of ' + kind, kinds.includes(kind), kinds);
  await tab.press('/');
  await tab.call('Input.insertText', {text: 'keep'});
  await settle();
  check('the search finds', (await count(tab, '.flame .found')) > 0 && (await count(tab, '.flame .dim')) > 0);
  check('the search says the share', / %/.test(await tab.evaluate("document.getElementById('flame').querySelector('[aria-live]').textContent")));
  const before = await count(tab, '.flame g');
  await tab.evaluate("[...document.querySelectorAll('.flame g.found')][0].dispatchEvent(new MouseEvent('click', {bubbles: true}))");
  const inside = await tab.evaluate("document.activeElement.getAttribute('aria-label')");
  check('a click zooms into a frame', /^keep/.test(inside) && (await count(tab, '.flame g')) <= before, inside);
  await tab.press('ArrowUp');
  check('an arrow moves to the caller', !/^keep/.test(await tab.evaluate("document.activeElement.getAttribute('aria-label')")));
  await tab.press('Escape');
  equal('Escape shows all', await count(tab, '.flame g'), before);
  await click(tab, '#flame button[data-value="flame"]');
  check('a flame graph grows upwards', await tab.evaluate("(() => { const g = document.querySelectorAll('.flame g'); return g[0].getBoundingClientRect().top > g[g.length - 1].getBoundingClientRect().top; })()"));

  // Call sites: sort and filter.
  const column = (i) => tab.evaluate(`[...document.querySelectorAll('#sites tbody tr')].map((r) => Number(r.children[${i}].querySelector('.figure').dataset.value))`);
  const falls = (list) => list.every((value, i) => i === 0 || list[i - 1] >= value);
  check('sorted by live bytes', falls(await column(2)));
  await click(tab, '#sites th:nth-child(4) button');
  check('sorted by blocks', falls(await column(3)));
  await click(tab, '#sites th:nth-child(4) button');
  check('sorted the other way', falls((await column(3)).reverse()));
  const rows = await count(tab, '#sites tbody tr');
  await tab.press('f');
  await tab.call('Input.insertText', {text: 'keep page.c'});
  await settle();
  const filtered = await count(tab, '#sites tbody tr');
  check('the filter filters', filtered > 0 && filtered < rows, {filtered, rows});
  await click(tab, '#sites .unfold');
  check('a row opens to its stack', (await count(tab, '#sites .stack li')) > 1);

  // Incidents.
  check('an incident has its stacks', (await count(tab, '#incidents .incident .stack')) >= 2);
  check('a mark leads to its incident', await tab.evaluate("(() => { document.querySelector('.mark-head').dispatchEvent(new MouseEvent('click', {bubbles: true})); return document.activeElement.id === 'incident-0'; })()"));

  // The layout, at the width of a phone and of a large screen, in light and dark.
  for (const dark of [false, true]) {
    for (const width of [360, 768, 1920]) {
      await tab.scheme(dark);
      await tab.resize(width, 900);
      await settle();
      await settle();
      const wide = await tab.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]');
      check('nothing to scroll sideways at ' + width, wide[0] <= wide[1], wide);
      const cut = await tab.evaluate("[...document.querySelectorAll('main svg, main canvas')].filter((n) => n.getBoundingClientRect().right > innerWidth + 1).length");
      equal('no picture is cut at ' + width, cut, 0);
    }
    const colours = await tab.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].map((c) => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0))");
    check(dark ? 'dark' : 'light', dark ? colours[0] < 200 && colours[1] > 500 : colours[0] > 700 && colours[1] < 200, colours);
  }
  equal('console of one run', tab.messages, []);
  equal('requests of one run', tab.requests, [url('a.html')]);

  // A call site is named by the first function of the program, not by those of the C++ library that allocate for it.
  const named = (...functions) => tab.evaluate('siteName(' + JSON.stringify(functions.map((name) => ({function: name, module: '/bin/program'}))) + ')');
  equal('the C++ library is not a call site', await named('operator new(unsigned long)', 'std::__new_allocator<std::pair<int, long> >::allocate(unsigned long, void const*)',
    'void std::vector<int, std::allocator<int> >::_M_realloc_append<int const&>(int const&)', 'keep(std::string const&)', 'main'), 'keep(std::string const&) ← main');
  equal('a site of the C++ library alone', await named('std::locale::Impl::init()', 'std::locale::classic()'), 'std::locale::Impl::init() ← std::locale::classic()');

  // ---- A map of the slabs over time, written into the page: the slider, the colours, the cells, and who holds a slab. ----
  const map = (live) => ({time_ns: live * 1000, sampled_ns: live * 1000, superslabs: ['0x200000', '0x400000'], superslabs_missing: 0, slabs_missing: 0,
    slabs: [0, 1].flatMap((n) => [[n, 0, 1, '3', live, 100, 5, n ? 7 : 0, n ? 2 : 0, n ? 3 : 0], [n, 1, 2, 'large', 1, 1, 7, 0, 0, 0]])});
  const [, before1, text, after1] = /^([^]*<script type="application\/json" id="data">)([^]*?)(<\/script>[^]*)$/.exec(readFileSync(join(place, 'a.html'), 'utf8'));
  const mapped = JSON.parse(text);
  for (const p of mapped.runs[0].report.stats.processes) {
    p.slab_maps = [map(90), map(50), map(10)];
    p.slab_stacks = [{stack_id: 7, stack_cut: false, stack: p.profile ? p.profile.last.sites.find((s) => s.stack !== null).stack : 0}];
  }
  writeFileSync(join(place, 'map.html'), before1 + JSON.stringify(mapped).replace(/</g, '\\u003c') + after1);
  const slabs = await browser.open(url('map.html'));
  await settle();
  const moment = () => slabs.evaluate("document.querySelector('#slabs output').textContent");
  check('the last snapshot first', /^at 10.0 µs \(3 of 3\): 2 SuperSlabs, 4 slabs/.test(await moment()), await moment());
  const picture = () => slabs.evaluate("document.querySelector('#slabs canvas').toDataURL()");
  const empty = await picture();
  await slabs.evaluate("document.querySelector('#slabs input[type=range]').focus()");
  await slabs.press('ArrowLeft');
  await slabs.press('ArrowLeft');
  check('the slider moves by keys', /^at 90.0 µs \(1 of 3\)/.test(await moment()), await moment());
  const full = await picture();
  check('the colour is the utilisation', full !== empty);
  await click(slabs, '#slabs button[data-value="class"]');
  check('the colour is the class', (await picture()) !== full);
  await click(slabs, '#slabs button[data-value="age"]');
  const canvas = await box(slabs, '#slabs canvas');
  await slabs.mouse('mouseMoved', canvas.x + 2, canvas.y + 2);
  const tip = () => slabs.evaluate("document.getElementById('tip').textContent");
  check('the cell under the pointer is named', /90 of 100 blocks in use \(90.0 %\)/.test(await tip()));
  check('a slab without a sample', /none of its blocks was sampled/.test(await tip()), await tip());
  await slabs.evaluate("document.querySelector('#slabs canvas').focus()");
  await slabs.press('ArrowRight');
  check('an arrow moves to the next slab', /large blocks, 2 units/.test(await slabs.evaluate("document.getElementById('tip').textContent")));
  await slabs.press('Enter');
  await slabs.press('ArrowRight');
  check('a slab names the site that holds it', /held by .*: 2 of the 3 sampled blocks in it/.test(await tip()), await tip());
  await slabs.press('Enter');
  check('Enter shows the stack of the site', (await count(slabs, '#slabs .pins > .stack li')) > 0);
  await slabs.evaluate("document.querySelector('#slabs canvas').focus()");
  await slabs.press('ArrowLeft');
  await slabs.press('Enter');
  check('Enter shows who holds it', /^large blocks/.test(await slabs.evaluate("document.querySelector('#slabs .pins .note').textContent")));
  equal('console of the map', slabs.messages, []);

  // ---- Figures are rounded as in the text; a process that rested has no snapshots of that time ----
  equal('bytes', await slabs.evaluate("[0, 1023, 1024, 1025024, 104806000].map((n) => format.bytes(n))"), ['0 B', '1023 B', '1.00 KiB', '0.98 MiB', '100 MiB']);
  equal('no gap between snapshots is named', await count(slabs, '#memory .gap'), 0);
  const pauses = await browser.open(url('pauses.html'));
  await settle();
  const gap = await pauses.evaluate("document.querySelector('#memory .gap').textContent");
  check('a gap between snapshots is named', Number(/^No snapshot was taken from [0-9.]+ \S+ to ([0-9.]+) s, /.exec(gap)?.[1]) >= 2, gap);

  // ---- A huge block of which the program wrote to a part ----
  const partly = await browser.open(url('partly.html'));
  await settle();
  const summary = await partly.evaluate("document.querySelector('#summary').textContent");
  check('nothing of the summary is below zero', !/[-−][0-9]/.test(summary), summary);
  check('what is not resident is said', /not resident: a part of the rows above19[0-9] MiB/.test(summary), summary);

  // ---- Two runs ----
  const two = await browser.open(url('ab.html'));
  await settle();
  equal('the difference comes first', await two.evaluate("document.querySelector('section').id"), 'difference');
  await figuresAreTrue(two, 'two runs', 400);
  check('the other run beside this one', (await count(two, '#memory .rss.other-run')) === 1 && (await count(two, '#latency .curve.other-run')) === 1);
  await click(two, '#difference button[data-value="all"]');
  equal('all figures of the difference', await count(two, '#difference tbody tr'), Object.keys(expected.diff.figures).length);
  await two.press('r');
  await settle();
  equal('the key r shows the other run', await two.evaluate("document.getElementById('path').textContent"), expected.runs[0].report.path);
  await figuresAreTrue(two, 'the first of two runs', 400);
  equal('console of two runs', two.messages, []);
  console.log(checks + ' checks; opened in ' + Math.round(fastest) + ' ms');
} finally {
  await browser.close();
}

// page_redis.mjs: looks at the page of page_redis.sh in a headless Chromium: node page_redis.mjs DIRECTORY
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {launch} from '../../tools/page/browser.mjs';

const place = process.argv[2];
const run = JSON.parse(readFileSync(join(place, 'report.json'), 'utf8')).stats.processes[0];
const map = run.slab_maps[run.slab_maps.length - 1];
const slabs = new Map(map.slabs.map(([superslab, unit, , cls, live, capacity, idle, stack, ofStack, samples]) => [map.superslabs[superslab] + ' ' + unit, {cls, live, capacity, idle, stack, ofStack, samples}]));
const stacks = new Map(run.slab_stacks.map((s) => [s.stack_id, s.stack]));
const functions = (stack) => stack.filter((f) => f.function && !/libhakmem/.test(f.module || '')).map((f) => f.function);

// In the page: a point within each cell that the pointer finds, and what is said there.
const FIND = `(() => {
  const canvas = document.querySelector('#slabs canvas'), tip = document.getElementById('tip'), cells = {};
  canvas.scrollIntoView({block: 'center', behavior: 'instant'});
  const box = canvas.getBoundingClientRect();
  const at = (x, y) => { canvas.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + x, clientY: box.top + y})); return tip.hidden ? '' : tip.textContent; };
  const rows = [];
  for (let y = 1, since = null; y <= box.height; y++) {
    const hit = y < box.height && (at(3, y) || at(box.width / 8, y)) !== '';
    if (hit && since === null) since = y;
    if (!hit && since !== null) { rows.push((since + y - 1) / 2); since = null; }
  }
  for (const y of rows) {
    for (let x = 1; x < box.width; x++) {
      const text = at(x, y), key = /^SuperSlab at (0x[0-9a-f]+)/.exec(text), unit = / from unit (\\d+)/.exec(text);
      if (!key || !unit) continue;
      const name = key[1] + ' ' + unit[1];
      (cells[name] = cells[name] || {text, y, from: x}).to = x;
    }
  }
  return cells;
})()`;
const COLOURS = (points) => `(() => {
  const canvas = document.querySelector('#slabs canvas'), scale = canvas.width / canvas.getBoundingClientRect().width, ink = canvas.getContext('2d', {willReadFrequently: true});
  return ${JSON.stringify(points)}.map(([x, y]) => [...ink.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data].slice(0, 3));
})()`;
const VIRIDIS = (shares) => `${JSON.stringify(shares)}.map((share) => { const c = d3.rgb(d3.interpolateViridis(share)); return [c.r, c.g, c.b]; })`;
const near = (a, b) => a.every((part, i) => Math.abs(part - b[i]) <= 2);

const browser = await launch();
try {
  const tab = await browser.open('file://' + join(place, 'page.html'), {width: 1100, height: 900});
  assert.ok(slabs.size > 500, 'redis has many slabs: ' + slabs.size);
  const cells = await tab.evaluate(FIND);
  const names = Object.keys(cells).filter((name) => cells[name].to - cells[name].from >= 2);
  assert.ok(names.length > slabs.size * 0.9, 'the pointer finds the slabs: ' + names.length + ' of ' + slabs.size);
  let held = 0;
  for (const name of names) {
    const slab = slabs.get(name), text = cells[name].text;
    assert.ok(slab, 'a cell that is no slab of the report: ' + name);
    assert.ok(text.includes(slab.live.toLocaleString('en') + ' of ' + slab.capacity.toLocaleString('en') + ' blocks in use'), 'blocks of ' + name + ': ' + text);
    if (slab.stack === 0) { assert.ok(!text.includes('\nheld by '), text); continue; }
    held++;
    assert.ok(text.includes(slab.samples === 1 ? 'the only sampled block' : slab.ofStack + ' of the ' + slab.samples + ' sampled blocks'), 'samples of ' + name + ': ' + text);
    const innermost = functions(stacks.get(slab.stack))[0];
    assert.ok(text.includes('held by ' + innermost), 'the site of ' + name + ' is ' + innermost + ': ' + text);
  }
  assert.ok(held > names.length * 0.25, 'sites of single slabs: ' + held + ' of ' + names.length);
  assert.deepEqual(tab.messages, [], 'messages of the console');

  const points = names.map((name) => [(cells[name].from + cells[name].to) / 2, cells[name].y]), shown = names.map((name) => slabs.get(name));
  const colours = async (by) => {
    await tab.evaluate(`document.querySelector('#slabs button[data-value="${by}"]').click()`);
    return tab.evaluate(COLOURS(points));
  };
  const agree = (what, seen, wanted) => seen.forEach((colour, i) => assert.ok(near(colour, wanted[i]), `${what} of ${names[i]}: ${colour}, not ${wanted[i]}`));
  agree('utilisation', await colours('utilisation'), await tab.evaluate(VIRIDIS(shown.map((s) => s.live / s.capacity))));
  const isSmall = (s) => /^\d+$/.test(s.cls), oldest = Math.max(...[...slabs.values()].map((s) => s.idle));
  const ages = await tab.evaluate(VIRIDIS(shown.map((s) => 1 - s.idle / oldest)));
  agree('age', await colours('age'), ages.map((colour, i) => (isSmall(shown[i]) ? colour : [0x8a, 0x8f, 0x98])));
  const ofClass = new Map();
  (await colours('class')).forEach((colour, i) => {
    if (!ofClass.has(shown[i].cls)) ofClass.set(shown[i].cls, colour);
    assert.ok(near(colour, ofClass.get(shown[i].cls)), 'two colours of class ' + shown[i].cls);
  });
  assert.equal(new Set([...ofClass.values()].map(String)).size, ofClass.size, 'two classes have one colour');
  assert.ok(ofClass.size > 10, 'many classes: ' + ofClass.size);
  console.log(names.length + ' cells of ' + ofClass.size + ' classes, ' + held + ' with a call site of their own');
} finally {
  await browser.close();
}

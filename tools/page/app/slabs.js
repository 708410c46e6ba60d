// slabs.js: the SuperSlabs, a cell a slab, at each snapshot; and how full the slabs of each class are.

const slabView = {colour: 'utilisation', snapshot: null};

// A map of the JSON as SuperSlabs with their slabs: {base, slabs: [{at, units, class, live, capacity, idle_ms, stack, stack_samples, samples}]}.
function mapOf(map) {
  const superslabs = map.superslabs.map((base) => ({base, slabs: []}));
  for (const [superslab, first, units, cls, live, capacity, idle, stack, ofStack, samples] of map.slabs) superslabs[superslab].slabs.push({at: first, units, class: cls, live, capacity, idle_ms: idle, stack, stack_samples: ofStack, samples});
  return {time_ns: map.time_ns, sampled_ns: map.sampled_ns, superslabs, missing: map.superslabs_missing, slabs_missing: map.slabs_missing};
}

function slabStack(v, id) {
  const found = (v.p.slab_stacks || []).find((s) => s.stack_id === id);
  return found ? found.stack : null;
}

// Who holds a slab: the site that most of its sampled live blocks have. Without a sample, only its class is known.
function holderText(v, snapshot, slab) {
  const of = slab.samples === 1 ? 'the only sampled block in it' : slab.stack_samples + ' of the ' + slab.samples + ' sampled blocks in it';
  if (slab.stack) return 'held by ' + siteName(slabStack(v, slab.stack)) + ': ' + of;
  if (slab.live === 0 || !v.p.profile) return null;
  const site = heaviestPin(v, slab.class);
  const why = snapshot.sampled_ns === null ? 'call sites were not looked for at this moment' : slab.samples ? 'the stacks of its sampled blocks are unknown' : 'none of its blocks was sampled';
  return why + (site ? '; most of this class is held by ' + siteName(site.stack) : '');
}

function slabText(v, snapshot, superslab, slab) {
  const lines = ['SuperSlab at ' + superslab.base + ' (' + format.bytes(v.p.settings.superslab_size) + ')',
    slab.class === 'none' ? slab.units + ' units between two uses' : className(v, slab.class) + ', ' + slab.units + (slab.units === 1 ? ' unit' : ' units') + ' from unit ' + slab.at,
    format.count(slab.live) + ' of ' + format.count(slab.capacity) + ' blocks in use (' + format.percent(slab.capacity ? slab.live / slab.capacity : 0) + ')',
    isSmall(slab.class) ? 'no block was taken from it for ' + format.ms(slab.idle_ms) : null].filter((line) => line !== null);
  const holder = holderText(v, snapshot, slab);
  if (holder) lines.push(holder);
  return lines.join('\n');
}

// The call site that holds most free bytes in slabs of a class.
function heaviestPin(v, cls) {
  const moment = v.p.profile && ['last', 'idlest'].map((name) => v.p.profile[name]).find((m) => m && m.pinned > 0);
  const sites = moment ? moment.sites.filter((site) => site.class === cls && site.pinned > 0) : [];
  return sites.length ? sites.reduce((most, site) => (site.pinned > most.pinned ? site : most)) : null;
}

function isSmall(cls) { return /^\d+$/.test(cls); }

// Classes by size of block; those that have no number come last.
function inOrder(classes) { return [...new Set(classes)].sort((a, b) => isSmall(b) - isSmall(a) || a - b || (a < b ? -1 : 1)); }

// Few classes have a colour each that the colour-blind can tell apart. Of many, the colour grows with the size of the blocks.
function classColour(classes) {
  const grey = {large: '#8a8f98', none: '#b9bec6'}, small = inOrder(classes).filter(isSmall);
  const few = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442', '#9b8cf0', '#999933'];
  const many = d3.interpolateTurbo || d3.interpolateRainbow;
  return (cls) => grey[cls] || (small.length <= few.length ? few[small.indexOf(cls)] : many(0.05 + 0.9 * small.indexOf(cls) / (small.length - 1)));
}

const UNKNOWN_AGE = '#8a8f98';

function slabColour(classes, oldest) {
  const full = d3.scaleSequential(d3.interpolateViridis).domain([0, 1]), kind = classColour(classes);
  return {
    utilisation: (slab) => full(slab.capacity ? slab.live / slab.capacity : 0),
    class: (slab) => kind(slab.class),
    age: (slab) => (isSmall(slab.class) ? full(1 - Math.min(1, slab.idle_ms / (oldest || 1))) : UNKNOWN_AGE),
  }[slabView.colour];
}

// As few SuperSlabs in a row as fit into the height, across the whole width; cells of at least 3 pixels, and if they are as wide, at most 12 high.
function layOut(width, most, total) {
  const gap = 4, high = 420;
  const stepOf = (across) => Math.min(16, (width - gap * (across - 1)) / (across * most));
  let across = 1;
  while (across < total && stepOf(across + 1) >= 3 && Math.ceil(total / across) * (Math.min(12, stepOf(across)) + gap) > high) across++;
  const rows = Math.max(1, Math.ceil(total / across)), step = stepOf(across);
  return {across, rows, step, gap, cell: Math.max(3, Math.min(12, step, Math.floor(high / rows) - gap))};
}

// Draws the SuperSlabs of a snapshot into a canvas, row by row; returns what lies at a point, and the cells in order.
function paintMap(canvas, snapshot, v) {
  const width = widthOf(canvas.parentNode), slabs = snapshot.superslabs.map((s) => s.slabs);
  const size = v.p.settings.superslab_size;
  const units = snapshot.superslabs.map(() => Math.max(1, Math.round(size / data.unit)));
  const most = Math.max(1, ...units), total = units.length;
  const {across, rows, step, cell, gap} = layOut(width, most, total);
  const height = rows * (cell + gap);
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = height + 'px';
  const ink = canvas.getContext('2d'), emptyColour = resolved('--fill'), border = resolved('--line');
  ink.scale(scale, scale);
  const oldest = d3.max(slabs.flat(), (slab) => slab.idle_ms) || 1, colour = slabColour(slabs.flat().map((slab) => slab.class), oldest);
  const cells = [];
  snapshot.superslabs.forEach((superslab, i) => {
    const left = (i % across) * (most * step + gap), top = Math.floor(i / across) * (cell + gap);
    ink.fillStyle = emptyColour;
    ink.fillRect(left, top, units[i] * step, cell);
    ink.strokeStyle = border;
    ink.strokeRect(left + 0.5, top + 0.5, units[i] * step - 1, cell - 1);
    for (const slab of slabs[i]) {
      const box = {left: left + slab.at * step, top, width: Math.max(1, slab.units * step - (step > 4 ? 1 : 0)), height: cell, slab, superslab};
      ink.fillStyle = colour(slab);
      ink.fillRect(box.left, box.top, box.width, box.height);
      cells.push(box);
    }
  });
  return {
    cells, oldest,
    find(x, y) { return cells.find((c) => x >= c.left && x < c.left + c.width && y >= c.top && y < c.top + c.height); },
  };
}

function mapLegend(snapshot, oldest, v) {
  const classes = inOrder(snapshot.superslabs.flatMap((s) => s.slabs.map((slab) => slab.class)));
  if (slabView.colour === 'class') return legend(classes.map((cls) => [classColour(classes)(cls), className(v, cls)]));
  const steps = [0, 0.25, 0.5, 0.75, 1];
  if (slabView.colour === 'utilisation') return legend(steps.map((step) => [d3.interpolateViridis(step), step * 100 + ' % live']));
  const ages = steps.map((step) => [d3.interpolateViridis(1 - step), format.ms(step * oldest)]);
  return legend(classes.every(isSmall) ? ages : [...ages, [UNKNOWN_AGE, 'unknown: large blocks']]);
}

// One slab: what it is, and the stack of the site that holds it.
function drawSlab(parent, v, snapshot, superslab, slab) {
  parent.append(element('p', {class: 'slab-text'}, slabText(v, snapshot, superslab, slab)));
  if (slab.stack) parent.append(stackList(slabStack(v, slab.stack)));
}

// Classes and sites that hold nearly empty slabs, of a class or of all.
function drawPins(parent, v, cls) {
  const profile = v.p.profile && (v.p.profile.last && v.p.profile.last.pinned > 0 ? 'last' : v.p.profile.idlest ? 'idlest' : null);
  if (!profile) { parent.append(empty('Which call sites hold a slab: run the program with HAKMEM_PROFILE=512K.')); return; }
  const sites = v.p.profile[profile].sites, pointer = [...v.pointer, 'profile', profile, 'sites'];
  const rows = sites.map((site, i) => i).filter((i) => (sites[i].pinned > 0 || sites[i].waste > 0) && (cls === null || sites[i].class === cls));
  parent.append(element('p', {class: 'note'}, cls === null ? 'All classes' : className(v, cls), profile === 'last' ? ', as of the last snapshot.' : ', as of the snapshot with the most that was resident and in no live block.'));
  if (!rows.length) { parent.append(empty('No call site holds free memory there.')); return; }
  parent.append(dataTable([
    {name: 'call site', value: (i) => siteName(sites[i].stack)},
    {name: 'class', value: (i) => className(v, sites[i].class)},
    {name: 'pinned', number: true, unit: 'bytes', value: (i) => sites[i].pinned, pointer: (i) => [...pointer, i, 'pinned'], title: 'Free bytes of slabs that are hardly used: the share of this site'},
    {name: 'waste', number: true, unit: 'bytes', value: (i) => sites[i].waste, pointer: (i) => [...pointer, i, 'waste'], title: 'Free bytes of the slabs in which its blocks lie: the share of this site'},
    {name: 'blocks', number: true, unit: 'count', value: (i) => sites[i].pins, pointer: (i) => [...pointer, i, 'pins']},
  ], rows, {label: 'Call sites that hold slabs', sort: 2, detail: (i) => stackList(sites[i].stack)}));
}

function drawMap(parent, v, maps, choose) {
  const last = maps.length - 1, place = element('div'), legends = element('div');
  slabView.snapshot = Math.min(slabView.snapshot === null ? last : slabView.snapshot, last);
  const canvas = element('canvas', {tabindex: '0', role: 'img', 'aria-label': 'Map of SuperSlabs: a cell a slab. Arrow keys move, Enter shows the call sites.'});
  const moment = element('output', {});
  const slider = element('input', {type: 'range', min: 0, max: last, value: slabView.snapshot, 'aria-label': 'Snapshot', oninput: () => { slabView.snapshot = Number(slider.value); paint(); }});
  parent.append(choice('Colour by', [['utilisation', 'utilisation'], ['class', 'class'], ['age', 'time since a block was taken']], slabView.colour, (colour) => { slabView.colour = colour; paint(); }),
    element('div', {class: 'controls'}, element('label', {}, 'Snapshot', slider), moment), place, legends);
  place.append(canvas);
  let map, snapshot, cursor = 0;
  function paint() {
    snapshot = mapOf(maps[slabView.snapshot]);
    map = paintMap(canvas, snapshot, v);
    moment.textContent = 'at ' + format.ns(snapshot.time_ns) + ' (' + (slabView.snapshot + 1) + ' of ' + maps.length + '): ' + format.count(snapshot.superslabs.length) + ' SuperSlabs, ' + format.count(map.cells.length) + ' slabs' + (snapshot.missing || snapshot.slabs_missing ? '; there was no room for ' + format.count(snapshot.missing) + ' more SuperSlabs and ' + format.count(snapshot.slabs_missing) + ' more slabs' : '');
    legends.replaceChildren(mapLegend(snapshot, map.oldest, v));
  }
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect(), cell = map.find(event.clientX - box.left, event.clientY - box.top);
    if (cell) showTip(event.clientX, event.clientY, slabText(v, snapshot, cell.superslab, cell.slab)); else hideTip();
  });
  canvas.addEventListener('pointerleave', hideTip);
  canvas.addEventListener('click', (event) => {
    const box = canvas.getBoundingClientRect(), cell = map.find(event.clientX - box.left, event.clientY - box.top);
    if (cell) choose(cell.slab.class, snapshot, cell);
  });
  canvas.addEventListener('keydown', (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: 16, ArrowUp: -16}[event.key];
    if (!map.cells.length || (!step && event.key !== 'Enter')) return;
    event.preventDefault();
    if (!step) { choose(map.cells[cursor].slab.class, snapshot, map.cells[cursor]); return; }
    cursor = Math.min(map.cells.length - 1, Math.max(0, cursor + step));
    const cell = map.cells[cursor], box = canvas.getBoundingClientRect();
    showTip(box.left + cell.left, box.top + cell.top, slabText(v, snapshot, cell.superslab, cell.slab));
  });
  canvas.addEventListener('blur', hideTip);
  paint();
  resizes.push(paint);
}

// How full the slabs of each class are: a row a class, a column a tenth.
function drawUtilisation(parent, v, choose) {
  const classes = at(v.classesPointer), base = v.classesPointer, other = lookAtOther(), before = other && at(other.classesPointer);
  const rows = classes.map((c, i) => i).filter((i) => classes[i].utilisation.some((n) => n > 0));
  if (!rows.length) { parent.append(empty('No slab was in use at the last snapshot.')); return; }
  const most = d3.max(rows, (i) => d3.max(classes[i].utilisation));
  const colour = d3.scaleSequential(d3.interpolateCividis).domain([0, Math.log1p(most || 1)]);
  const names = [...d3.range(10).map((i) => i * 10 + ' %'), '100 %'];
  const table = element('table', {class: 'grid-of-slabs'}, element('thead', {}, element('tr', {}, element('th', {scope: 'col'}, 'class'), names.map((name) => element('th', {scope: 'col', class: 'number'}, name)), element('th', {scope: 'col', class: 'number'}, 'free in partial slabs'))),
    element('tbody', {}, rows.map((i) => element('tr', {}, element('td', {class: 'name'}, element('button', {type: 'button', title: 'Which call sites hold these slabs', onclick: () => choose(classes[i].class)}, className(v, classes[i].class))),
      classes[i].utilisation.map((n, bin) => {
        const cell = element('td', {class: 'number'}, n ? figure([...base, i, 'utilisation', bin], 'count') : '');
        const row = before && before.find((c) => c.class === classes[i].class), was = row ? row.utilisation[bin] : 0;
        if (before && was !== n) cell.append(element('small', {class: 'note'}, ' ' + signed(n - was, 'count')));
        if (n) { cell.style.background = colour(Math.log1p(n)); cell.style.color = Math.log1p(n) > Math.log1p(most) * 0.55 ? '#10151b' : '#ffffff'; }
        return cell;
      }), element('td', {class: 'number'}, figure([...base, i, 'memory', 'partial'], 'bytes'))))));
  append(parent, [element('h3', {}, 'Slabs by the share of their blocks that is live'), v.processes.length > 1 && !v.isOwn ? element('p', {class: 'note'}, 'Of all ' + v.processes.length + ' processes together.') : null, before ? element('p', {class: 'note'}, 'The small numbers are the change against the other run.') : null, element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Slabs by utilisation'}, table)]);
}

function drawSlabs(parent, v) {
  const pins = element('div', {class: 'pins'}), head = element('h3', {}, 'Call sites that hold slabs'), utilisation = element('div');
  const show = (cls, snapshot, cell) => {
    pins.replaceChildren();
    if (cell) drawSlab(pins, v, snapshot, cell.superslab, cell.slab);
    drawPins(pins, v, cls);
  };
  const choose = (cls, snapshot, cell) => {
    hideTip();
    show(cls, snapshot, cell);
    (cell ? pins.firstChild : head).scrollIntoView({block: 'nearest'});
  };
  const maps = v.p.slab_maps;
  if (maps && maps.length) drawMap(parent, v, maps, choose);
  else parent.append(empty('The data have no map of the SuperSlabs: only a statistics file, which hakmem run keeps, has them.'));
  parent.append(head, pins, utilisation);
  drawUtilisation(utilisation, v, choose);
  show(null);
}

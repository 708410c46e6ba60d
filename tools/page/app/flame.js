// flame.js: call stacks by what they hold: bytes live, grown, wasted, or nanoseconds; as a flame graph or an icicle, with search.

const flameView = {what: null, upright: false, words: '', redraw: null};

// [{id, name, unit, weights: [{stack, value}], note}], only those with data.
function flameKinds(v) {
  const profile = v.p.profile, kinds = [];
  const add = (id, name, unit, weights, note) => { const list = weights.filter((w) => w.value !== 0); if (list.length) kinds.push({id, name, unit, weights: list, note}); };
  const of = (moment, member) => (profile && profile[moment] ? profile[moment].sites.map((site) => ({stack: site.stack, value: site[member]})) : []);
  add('live', 'live bytes', 'bytes', of('last', 'allocated'), 'Bytes of live blocks at the last snapshot, estimated from samples.');
  add('peak', 'live bytes at the snapshot with most', 'bytes', of('peak', 'allocated'), 'Bytes of live blocks at the snapshot with most, estimated from samples.');
  const grown = growthOf(v);
  if (grown) {
    add('grown', 'bytes that grew', 'bytes', grown.more, 'Bytes of live blocks ' + grown.note + ', where there are more.');
    add('shrunk', 'bytes that shrank', 'bytes', grown.less, 'Bytes of live blocks ' + grown.note + ', where there are fewer.');
  }
  for (const moment of ['last', 'idlest']) {
    const when = moment === 'last' ? '' : ' at the idlest moment';
    add(moment === 'last' ? 'pinned' : 'pinned-idlest', 'waste pinned' + when, 'bytes', of(moment, 'pinned'), 'Free bytes of hardly used slabs, charged to the sites of the blocks that hold them.');
    add(moment === 'last' ? 'waste' : 'waste-idlest', 'all waste' + when, 'bytes', of(moment, 'waste'), 'Free bytes of slabs in use, charged to the sites of the blocks in them.');
  }
  add('ns', 'nanoseconds in the allocator', 'ns', (v.p.longest_calls || []).filter((call) => call.stack).map((call) => ({stack: call.stack, value: call.ns})), 'Nanoseconds of the longest calls, by the stack that made them.');
  return kinds;
}

function stackKey(site) { return site.class + '|' + (site.stack || []).map((frame) => frameName(frame) + framePlace(frame)).join('|'); }

// Growth from the other run, or from the earliest of the kept moments of this one.
function growthOf(v) {
  const last = v.p.profile && v.p.profile.last;
  if (!last) return null;
  const other = lookAtOther();
  let before = other && other.p.profile && other.p.profile.last, note = 'compared with the other run';
  if (!before) {
    const earlier = ['idlest', 'peak'].map((moment) => v.p.profile[moment]).filter((m) => m && m.time_ns < last.time_ns).sort((a, b) => a.time_ns - b.time_ns);
    if (!earlier.length) return null;
    before = earlier[0];
    note = 'at ' + format.ns(last.time_ns) + ' compared with ' + format.ns(before.time_ns);
  }
  const change = new Map();
  const add = (site, value) => {
    const key = stackKey(site);
    if (!change.has(key)) change.set(key, {stack: site.stack, value: 0});
    change.get(key).value += value;
  };
  for (const site of last.sites) add(site, site.allocated);
  for (const site of before.sites) add(site, -site.allocated);
  const all = [...change.values()];
  return {more: all.map(({stack, value}) => ({stack, value: Math.max(0, value)})), less: all.map(({stack, value}) => ({stack, value: Math.max(0, -value)})), note};
}

function flameTree(weights) {
  const root = {name: 'all', value: 0, children: new Map()};
  for (const {stack, value} of weights) {
    let node = root;
    node.value += value;
    const frames = programFrames(stack).slice().reverse();
    for (const frame of frames.length ? frames : [{function: 'unknown stack', module: null}]) {
      const name = frameName(frame);
      if (!node.children.has(name)) node.children.set(name, {name, place: framePlace(frame), value: 0, children: new Map()});
      node = node.children.get(name);
      node.value += value;
    }
  }
  return root;
}

function flameColour(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) | 0;
  return d3.interpolateYlOrBr(0.18 + (Math.abs(hash) % 1000) / 1000 * 0.38);
}

function drawFlameGraph(parent, kind, root, focus, refocus) {
  parent.replaceChildren();
  const width = widthOf(parent), row = 19;
  const hierarchy = d3.hierarchy(root, (node) => [...node.children.values()].sort((a, b) => b.value - a.value));
  hierarchy.each((node) => { node.value = node.data.value; });
  d3.partition()(hierarchy);
  const target = hierarchy.descendants().find((node) => node.data === focus) || hierarchy;
  const x = d3.scaleLinear().domain([target.x0, target.x1]).range([0, width]);
  const path = new Set(target.ancestors());
  const nodes = hierarchy.descendants().filter((node) => (path.has(node) || (node.x0 >= target.x0 - 1e-12 && node.x1 <= target.x1 + 1e-12)) && (path.has(node) || x(node.x1) - x(node.x0) >= 0.6));
  const depth = d3.max(nodes, (node) => node.depth) + 1, height = depth * row;
  const svg = picture(parent, width, height, kind.name + ' by call stack').attr('class', 'flame').attr('role', 'tree');
  const words = flameView.words.toLowerCase();
  const matches = (node) => words && node.data.name.toLowerCase().includes(words);
  const text = (node) => node.data.name + (node.data.place ? ' (' + node.data.place + ')' : '') + ': ' + format[kind.unit](node.value) + ', ' + format.percent(node.value / root.value);
  const groups = svg.selectAll('g').data(nodes).enter().append('g').attr('class', (node) => (words ? (matches(node) ? 'found' : 'dim') : null)).attr('tabindex', (node) => (node === target ? 0 : -1)).attr('role', 'treeitem').attr('aria-label', text)
    .attr('transform', (node) => 'translate(' + Math.max(0, x(node.x0)) + ',' + (flameView.upright ? height - (node.depth + 1) * row : node.depth * row) + ')');
  const span = (node) => Math.max(0.5, Math.min(width, x(node.x1)) - Math.max(0, x(node.x0)));
  groups.append('rect').attr('width', span).attr('height', row - 1).attr('fill', (node) => (node.depth ? flameColour(node.data.name) : '#b9c2cc'));
  groups.filter((node) => span(node) > 30).append('text').attr('x', 4).attr('y', row - 6).text((node) => { const fits = Math.floor((span(node) - 6) / 6.4); return node.data.name.length > fits ? node.data.name.slice(0, Math.max(0, fits - 1)) + '…' : node.data.name; });
  const elements = new Map();
  groups.each(function (node) {
    elements.set(node, this);
    this.addEventListener('pointermove', (event) => showTip(event.clientX, event.clientY, text(node)));
    this.addEventListener('pointerleave', hideTip);
    this.addEventListener('focus', () => { const box = this.getBoundingClientRect(); if (this.matches(':focus-visible')) showTip(box.left, box.top, text(node)); });
    this.addEventListener('blur', hideTip);
    onActivate(this, () => refocus(node.data));
    this.addEventListener('keydown', (event) => {
      const near = {ArrowUp: flameView.upright ? 'in' : 'out', ArrowDown: flameView.upright ? 'out' : 'in', ArrowLeft: 'before', ArrowRight: 'after'}[event.key];
      if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); refocus(root); return; }
      if (!near) return;
      event.preventDefault();
      const family = node.parent ? node.parent.children.filter((n) => elements.has(n)) : [node];
      const next = near === 'out' ? node.parent : near === 'in' ? (node.children || []).find((n) => elements.has(n)) : family[family.indexOf(node) + (near === 'after' ? 1 : -1)];
      if (next && elements.has(next)) elements.get(next).focus();
    });
  });
  const found = nodes.filter(matches);
  return {target: elements.get(target), found: found.filter((node) => !node.ancestors().slice(1).some(matches)).reduce((sum, node) => sum + node.value, 0)};
}

function flameShow(what) {
  flameView.what = what;
  if (flameView.redraw) flameView.redraw();
}

function drawFlame(parent, v) {
  const kinds = flameKinds(v);
  if (!kinds.length) { parent.append(empty(v.p.profile ? 'No live block was recorded at the kept moments.' : 'There is no live heap by call site: run the program with HAKMEM_PROFILE=512K.')); flameView.redraw = null; return; }
  const controls = element('div'), body = element('div'), note = element('p', {class: 'note'}), found = element('span', {class: 'note', 'aria-live': 'polite'});
  let root, focus, kind;
  const draw = (keepFocus) => {
    const drawn = drawFlameGraph(body, kind, root, focus, (node) => { focus = node; draw(true); });
    found.textContent = flameView.words ? 'in ' + format.percent(drawn.found / root.value) + ' of all' : '';
    if (keepFocus) drawn.target.focus({preventScroll: true});
  };
  const search = element('input', {type: 'search', id: 'flame-search', placeholder: 'Search functions (/)', 'aria-label': 'Search functions', value: flameView.words, oninput: (event) => { flameView.words = event.target.value; draw(false); }});
  flameView.redraw = () => {
    kind = kinds.find((k) => k.id === flameView.what) || kinds.find((k) => k.id.startsWith(flameView.what)) || kinds[0];
    root = focus = flameTree(kind.weights);
    controls.replaceChildren(choice('Of', kinds.map((k) => [k.id, k.name]), kind.id, (id) => flameShow(id)));
    note.textContent = kind.note + ' All: ' + format[kind.unit](root.value) + '.';
    draw(false);
  };
  parent.append(controls, element('div', {class: 'controls'}, choice('Drawn as', [['icicle', 'icicle'], ['flame', 'flame graph']], flameView.upright ? 'flame' : 'icicle', (form) => { flameView.upright = form === 'flame'; draw(false); }),
    search, found, element('button', {type: 'button', onclick: () => { focus = root; draw(false); }}, 'Show all')), note, body);
  flameView.redraw();
  resizes.push(() => draw(false));
}

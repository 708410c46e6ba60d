// latency.js: how long calls, lookups, drains and refills took: a histogram, percentile curves, both by class, and the worst calls.

const latencyView = {kind: null, cls: 'all', redraw: null};

// Every histogram of the report: [{id, name, pointer, all, classes}], in the order of use.
function latencyKinds(v) {
  const latency = at(v.latencyPointer), base = v.latencyPointer, kinds = [];
  const add = (id, name, pointer) => {
    const value = at(pointer);
    if (!value) return;
    if (value.all) kinds.push({id, name, pointer: [...pointer, 'all'], all: value.all, classes: value.classes, classPointer: [...pointer, 'classes']});
    else if (value.buckets) kinds.push({id, name, pointer, all: value, classes: {}});
  };
  for (const kind of Object.keys(at(v.callsPointer) || {})) add('call-' + kind, kind, [...v.callsPointer, kind, 'latency']);
  for (const strategy of Object.keys(latency.lookup || {})) add('lookup' + (strategy === 'directory' ? '' : '-' + strategy), 'lookups (' + strategy + ')', [...base, 'lookup', strategy]);
  add('drain', 'drains', [...base, 'drain']);
  add('refill', 'refills', [...base, 'refill']);
  for (const stage of Object.keys(latency.stages || {})) add('stage-' + stage, 'stage ' + words(stage), [...base, 'stages', stage]);
  add('legacy', 'legacy path', [...base, 'legacy']);
  add('map', 'mappings', [...base, 'map']);
  return kinds;
}

// The points (share of values above, value) of a histogram.
function curveOf(histogram) {
  let seen = 0;
  const points = [];
  for (const bucket of histogram.buckets) {
    seen += bucket.count;
    const above = 1 - (seen - bucket.count) / histogram.count;
    points.push({above, value: Math.max(bucket.from, 1)});
    points.push({above: Math.max(1 - seen / histogram.count, 0.5 / histogram.count), value: Math.max(1, Math.min(bucket.to, histogram.max))});
  }
  return points;
}

function drawHistogram(parent, kind, histogram, pointer, other) {
  const place = element('div', {class: 'histogram'});
  parent.append(place);
  const width = widthOf(place), height = 240, unit = histogram.unit;
  const svg = picture(place, width, height, 'Histogram of ' + kind.name + ', both axes logarithmic');
  const last = histogram.buckets[histogram.buckets.length - 1], first = histogram.buckets[0];
  const x = d3.scaleLog().domain([Math.max(1, first.from), Math.max(2, Math.min(last.to, histogram.max) + 1)]).range([MARGIN.left, width - MARGIN.right]).clamp(true);
  const most = d3.max(histogram.buckets, (b) => b.count);
  const y = d3.scaleLog().domain([0.7, Math.max(2, most)]).range([height - MARGIN.bottom, MARGIN.top]);
  svg.append('g').attr('class', 'grid').attr('transform', 'translate(' + MARGIN.left + ',0)').call(d3.axisLeft(y).tickValues(logTicks(y, 6)).tickFormat((n) => n.toLocaleString('en')).tickSizeInner(-(width - MARGIN.left - MARGIN.right)));
  svg.append('g').attr('transform', 'translate(0,' + (height - MARGIN.bottom) + ')').call(d3.axisBottom(x).tickValues(logTicks(x, Math.max(2, width / 80))).tickFormat((ns) => format[unit](ns)).tickSizeOuter(0));
  svg.selectAll('.bar-of').data(histogram.buckets).enter().append('rect').attr('class', 'bar-of')
    .attr('data-pointer', (b, i) => '/' + [...pointer, 'buckets', i, 'count'].join('/')).attr('data-value', (b) => b.count)
    .attr('x', (b) => x(Math.max(1, b.from))).attr('width', (b) => Math.max(1, x(Math.min(b.to, histogram.max) + 1) - x(Math.max(1, b.from)) - 0.5))
    .attr('y', (b) => y(b.count)).attr('height', (b) => Math.max(0, height - MARGIN.bottom - y(b.count))).style('fill', 'var(--accent)');
  place.addEventListener('pointermove', (event) => {
    const value = x.invert(event.clientX - place.getBoundingClientRect().left);
    const bucket = histogram.buckets.find((b) => value >= b.from && value < b.to + 1);
    if (bucket) showTip(event.clientX, event.clientY, format[unit](bucket.from) + ' to ' + format[unit](Math.min(bucket.to, histogram.max)) + ': ' + format.count(bucket.count) + ' of ' + format.count(histogram.count));
    else hideTip();
  });
  place.addEventListener('pointerleave', hideTip);
}

// Value over percentile: the nearer to 100 %, the wider the axis.
function drawCurves(parent, kind, curves, unit) {
  const place = element('div', {class: 'curves'});
  parent.append(place);
  const width = widthOf(place), height = 240;
  const svg = picture(place, width, height, 'Percentiles of ' + kind.name + ', both axes logarithmic');
  const least = d3.min(curves, (c) => 0.5 / c.histogram.count), high = d3.max(curves, (c) => c.histogram.max), low = d3.min(curves, (c) => Math.max(1, c.histogram.min));
  const x = d3.scaleLog().domain([1, Math.min(0.01, least)]).range([MARGIN.left, width - MARGIN.right]).clamp(true);
  const y = d3.scaleLog().domain([low, Math.max(low * 2, high)]).range([height - MARGIN.bottom, MARGIN.top]).clamp(true);
  const shares = (width > 400 ? [0.5, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001] : [0.5, 0.01, 0.001, 0.00001]).filter((share) => share >= x.domain()[1]);
  svg.append('g').attr('class', 'grid').attr('transform', 'translate(' + MARGIN.left + ',0)').call(d3.axisLeft(y).tickValues(logTicks(y, 6)).tickFormat((ns) => format[unit](ns)).tickSizeInner(-(width - MARGIN.left - MARGIN.right)));
  svg.append('g').attr('transform', 'translate(0,' + (height - MARGIN.bottom) + ')').call(d3.axisBottom(x).tickValues(shares).tickFormat((share) => 'p' + Number(((1 - share) * 100).toFixed(4))).tickSizeOuter(0));
  const line = d3.line().x((d) => x(d.above)).y((d) => y(d.value));
  curves.forEach((curve) => svg.append('path').attr('class', 'curve' + (curve.dashed ? ' other-run' : '')).attr('d', line(curveOf(curve.histogram))).style('stroke', curve.colour).append('title').text(curve.name));
  place.addEventListener('pointermove', (event) => {
    const share = x.invert(event.clientX - place.getBoundingClientRect().left);
    showTip(event.clientX, event.clientY, ['p' + Number(((1 - share) * 100).toPrecision(6)), ...curves.map((c) => {
      const point = curveOf(c.histogram).find((d) => d.above <= share);
      return c.name + ': ' + (point ? format[unit](point.value) : format[unit](c.histogram.max));
    })].join('\n'));
  });
  place.addEventListener('pointerleave', hideTip);
  parent.append(legend(curves.map((c) => [c.colour, c.name + (c.dashed ? ' (dashed)' : '')])));
}

// p99.9 of samples, with one standard error to each side; the upper end is unknown if the samples do not tell.
function rangeColumn(histogram, pointer) {
  return {name: 'p99.9 from to', number: true, title: 'One standard error below p99.9, and above it', value: (row) => (histogram(row) && histogram(row).errors ? histogram(row).errors['p99.9'][0] : null),
    cell: (row) => (histogram(row) && histogram(row).errors ? element('span', {}, ...[0, 1].flatMap((end) => [end ? ' to ' : '', figure([...pointer(row), 'errors', 'p99.9', end], histogram(row).unit)])) : 'exact')};
}

const LATENCY_FIGURES = ['count', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'];

function latencyTable(kind, v) {
  const rows = [{name: 'all', pointer: kind.pointer, histogram: kind.all}, ...Object.keys(kind.classes).map((cls) => ({name: className(v, cls), pointer: [...kind.classPointer, cls], histogram: kind.classes[cls]}))];
  const columns = [{name: 'class', value: (row) => row.name}, ...LATENCY_FIGURES.map((name) => ({name, unit: name === 'count' ? 'count' : kind.all.unit, number: true, value: (row) => row.histogram[name], pointer: (row) => [...row.pointer, name]})), rangeColumn((row) => row.histogram, (row) => row.pointer)];
  return dataTable(columns, rows, {label: 'Latencies of ' + kind.name});
}

function drawKind(parent, v, kind) {
  parent.replaceChildren();
  const classes = Object.keys(kind.classes);
  const cls = classes.includes(latencyView.cls) ? latencyView.cls : 'all';
  if (classes.length > 1) parent.append(element('div', {class: 'controls'}, selection('Class', [['all', 'all classes'], ...classes.map((c) => [c, className(v, c)])], cls, (value) => { latencyView.cls = value; drawKind(parent, v, kind); })));
  const histogram = cls === 'all' ? kind.all : kind.classes[cls], pointer = cls === 'all' ? kind.pointer : [...kind.classPointer, cls];
  const split = element('div', {class: 'split'}), left = element('div'), right = element('div');
  split.append(left, right);
  parent.append(split);
  left.append(element('h3', {}, 'Histogram'));
  right.append(element('h3', {}, 'Percentiles'));
  drawHistogram(left, kind, histogram, pointer);
  const curves = [{name: 'all', histogram: kind.all, colour: 'var(--accent)'}];
  const chosen = cls === 'all' ? classes.slice().sort((a, b) => kind.classes[b].count - kind.classes[a].count).slice(0, 5) : [cls];
  chosen.forEach((c, i) => curves.push({name: className(v, c), histogram: kind.classes[c], colour: colourOf([3, 2, 5, 6, 8][i])}));
  const other = data.runs.length > 1 && latencyKinds(lookAtOther() || look(1 - view.run)).find((k) => k.id === kind.id);
  if (other) curves.push({name: 'all, the other run', histogram: other.all, colour: 'var(--ink)', dashed: true});
  drawCurves(right, kind, curves, histogram.unit);
  parent.append(latencyTable(kind, v));
}

function latencyShow(kind) {
  latencyView.kind = kind;
  if (latencyView.redraw) latencyView.redraw();
}

function drawLatency(parent, v) {
  const kinds = latencyKinds(v);
  if (!kinds.length) { parent.append(empty('Nothing was timed: the program made no call that left the fast path, or ran with HAKMEM_SAMPLE=0.')); drawLongest(parent, v); return; }
  if (v.mainReport.processes.length > 1 && !v.isOwn) parent.append(element('p', {class: 'note'}, 'Of all ' + v.mainReport.processes.length + ' processes together; hakmem page --pid shows one.'));
  drawCalls(parent, v);
  const body = element('div'), controls = element('div');
  parent.append(controls, body);
  latencyView.redraw = () => {
    const kind = kinds.find((k) => k.id === latencyView.kind) || kinds[0];
    controls.replaceChildren(choice('Of', kinds.map((k) => [k.id, k.name]), kind.id, (id) => latencyShow(id)));
    drawKind(body, v, kind);
  };
  latencyView.redraw();
  drawHeat(parent, v);
  drawLongest(parent, v);
}

// What the calls of each kind took together. A kind's number is exact but for its error; its latencies are weighed from those that were timed.
function drawCalls(parent, v) {
  const calls = at(v.callsPointer);
  if (!calls) { parent.append(empty('Whole calls were not timed: only a statistics file, which hakmem run keeps, has their latencies.')); return; }
  const of = v.isOwn ? [v.p] : v.processes, whole = d3.sum(of, (p) => p.elapsed_ns);
  const kinds = Object.keys(calls), unit = {count: 'count', time_ns: 'ns', p50: 'ns', p90: 'ns', p99: 'ns', 'p99.9': 'ns', max: 'ns'};
  const pointer = (kind, name) => [...v.callsPointer, kind, ...(name === 'count' || name === 'time_ns' ? [name] : ['latency', 'all', name])];
  const columns = [{name: 'call', value: (kind) => kind}, ...Object.keys(unit).map((name) => ({name: name === 'time_ns' ? 'time' : name, number: true, unit: unit[name], value: (kind) => at(pointer(kind, name)), pointer: (kind) => pointer(kind, name)})),
    {name: '± count', number: true, unit: 'count', title: 'Standard error of the count', value: (kind) => calls[kind].count_error, pointer: (kind) => [...v.callsPointer, kind, 'count_error']},
    {name: '± time', number: true, unit: 'ns', title: 'Standard error of the time', value: (kind) => calls[kind].time_error, pointer: (kind) => [...v.callsPointer, kind, 'time_error']},
    rangeColumn((kind) => calls[kind].latency && calls[kind].latency.all, (kind) => [...v.callsPointer, kind, 'latency', 'all']),
    {name: 'of the run', number: true, title: 'The time of the calls of all threads, by the time of the run', value: (kind) => calls[kind].time_ns / whole, cell: (kind) => format.percent(calls[kind].time_ns / whole)}];
  parent.append(dataTable(columns, kinds, {label: 'Calls by kind'}));
}

// The longest calls, with what each stage took.
function drawLongest(parent, v) {
  parent.append(element('h3', {id: 'longest'}, 'The longest calls'));
  const calls = v.p.longest_calls;
  if (!calls || !calls.length) { parent.append(empty('The data name no single calls: only a statistics file, which hakmem run keeps, has them.')); return; }
  const member = (name, key, unit) => ({name, unit, number: true, value: (i) => calls[i][key], pointer: (i) => [...v.pointer, 'longest_calls', i, key]});
  const columns = [
    {name: 'call', value: (i) => calls[i].kind + ', ' + className(v, calls[i].class)},
    member('took', 'ns', 'ns'), member('at', 'time_ns', 'ns'), member('size', 'size', 'bytes'), member('thread', 'thread', 'text'),
    {name: 'stages', wide: true, value: (i) => Object.entries(calls[i].stages).filter(([, ns]) => ns > 0).map(([name, ns]) => words(name) + ' ' + format.ns(ns)).join(', ')},
    {name: 'called by', wide: true, value: (i) => (calls[i].stack ? siteName(calls[i].stack) : 'unknown')},
  ];
  parent.append(dataTable(columns, calls.map((call, i) => i), {label: 'The longest calls', sort: 1, detail: (i) => stackList(calls[i].stack)}));
}

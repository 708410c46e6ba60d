// memory.js: memory over time: the buckets stacked, the resident set as a line, the residual at the end, incidents as marks.

// Moments with the buckets as far as the data has them. A trace knows only three parts.
function momentsOf(p) {
  const whole = p.timeline.length > 0 && p.timeline.every((m) => m.buckets);
  const names = whole ? bucketNames() : ['live', 'free', 'other'];
  const parts = (m) => (whole ? m.buckets : {live: m.allocated || 0, free: Math.max(0, (m.active || 0) - (m.allocated || 0)), other: Math.max(0, (m.committed || 0) - (m.active || 0))});
  // Only at its end does a process ask the kernel which of its pages were never touched. Before that the residual is unknown: null.
  const asked = whole && p.memory && p.complete;
  const moments = p.timeline.map((m, i, all) => ({time: m.time_ns, rss: m.rss, untouched: asked && i === all.length - 1 ? p.memory.untouched : null, parts: parts(m)}));
  return {names, moments, whole};
}

const PLAIN_PARTS = {live: 'live blocks', free: 'free blocks and tails of slabs in use', other: 'other memory that hakmem holds'};

function partText(name) { return data.meanings.buckets[name] || PLAIN_PARTS[name]; }

function sumOf(moment) { return Object.values(moment.parts).reduce((sum, value) => sum + value, 0); }
// What hakmem holds and has touched; the rest of the RSS is the residual.
function touched(moment) { return Math.max(0, sumOf(moment) - moment.untouched); }
function knowsResidual(moment) { return moment.rss !== null && moment.untouched !== null; }
const RESIDUAL_WIDTH = 12; // pixels: it is of one moment, and not of a time

function momentAt(moments, ns) {
  const i = d3.bisector((m) => m.time).left(moments, ns);
  const before = moments[Math.max(0, i - 1)], after = moments[Math.min(moments.length - 1, i)];
  return Math.abs(before.time - ns) <= Math.abs(after.time - ns) ? before : after;
}

// The longest time between two snapshots, if it is a large part of the run: then the picture joins them by a line that says nothing. Else null.
const GAP_SHARE = 0.2, GAP_LEAST = 5e8; // of the run; ns
function longestGap(moments) {
  const gaps = d3.pairs(moments, (from, to) => ({from: from.time, to: to.time})), run = moments[moments.length - 1].time;
  const longest = gaps.sort((a, b) => b.to - b.from - (a.to - a.from))[0];
  return longest && longest.to - longest.from >= Math.max(GAP_LEAST, GAP_SHARE * run) ? longest : null;
}

function drawMemoryPicture(svg, x, inner, v, series, other) {
  const {names, moments} = series;
  const top = d3.max(moments, (m) => Math.max(sumOf(m), m.rss || 0)) || 1;
  const above = other ? d3.max(other.moments, (m) => m.rss || 0) || 0 : 0;
  const y = d3.scaleLinear().domain([0, Math.max(top, above) * 1.05]).range([inner.bottom, MARGIN.top]);
  const step = Math.pow(2, Math.round(Math.log2(y.domain()[1] / 5)));
  const axis = d3.axisLeft(y).tickValues(d3.range(0, y.domain()[1], step)).tickFormat((value) => format.bytes(value)).tickSizeOuter(0);
  svg.append('g').attr('class', 'grid').attr('transform', 'translate(' + MARGIN.left + ',0)').call(axis.tickSizeInner(-(inner.width - MARGIN.left - MARGIN.right)));
  const hatch = svg.append('defs').append('pattern').attr('id', 'hatch').attr('width', 6).attr('height', 6).attr('patternUnits', 'userSpaceOnUse').attr('patternTransform', 'rotate(45)');
  hatch.append('rect').attr('width', 2).attr('height', 6).attr('fill', 'var(--soft)').attr('fill-opacity', 0.55);
  const body = svg.append('g').attr('clip-path', inner.clip);
  const layers = d3.stack().keys(names).value((m, name) => m.parts[name])(moments);
  const area = d3.area().x((d) => x(d.data.time)).y0((d) => y(d[0])).y1((d) => y(d[1]));
  body.selectAll('.layer').data(layers).enter().append('path').attr('class', 'layer').attr('d', area).attr('data-part', (layer) => layer.key)
    .style('fill', (layer, i) => (series.whole ? bucketColour(layer.key) : colourOf(i === 0 ? 0 : i + 2)));
  const resident = moments.filter((m) => m.rss !== null);
  for (const m of moments.filter(knowsResidual)) body.append('path').attr('class', 'residual').attr('d', 'M' + x(m.time) + ',' + y(touched(m)) + 'h' + -RESIDUAL_WIDTH + 'V' + y(Math.max(m.rss, touched(m))) + 'h' + RESIDUAL_WIDTH + 'Z');
  body.append('path').attr('class', 'rss').datum(resident).attr('d', d3.line().x((m) => x(m.time)).y((m) => y(m.rss)));
  if (other) body.append('path').attr('class', 'rss other-run').datum(other.moments.filter((m) => m.rss !== null)).attr('d', d3.line().x((m) => x(m.time)).y((m) => y(m.rss)));
  drawMarks(body, x, inner, v);
}

function drawMarks(body, x, inner, v) {
  const moments = [['peak', v.p.peak], ['idlest', v.p.memory && v.p.memory.idlest]].filter(([, m]) => m);
  for (const [, m] of moments) body.append('line').attr('class', 'moment').attr('x1', x(m.time_ns)).attr('x2', x(m.time_ns)).attr('y1', MARGIN.top).attr('y2', inner.bottom);
  v.p.incidents.forEach((incident, i) => {
    const text = incidentTitle(incident) + ' at ' + format.ns(incident.time_ns);
    body.append('line').attr('class', 'mark').attr('x1', x(incident.time_ns)).attr('x2', x(incident.time_ns)).attr('y1', MARGIN.top).attr('y2', inner.bottom);
    body.append('path').attr('class', 'mark-head').attr('data-link', 'incident-' + i).attr('d', 'M' + (x(incident.time_ns) - 6) + ',' + MARGIN.top + 'h12l-6,10z')
      .attr('tabindex', 0).attr('role', 'link').attr('aria-label', text)
      .each(function () { onActivate(this, () => go('incident-' + i)); });
  });
}

function readMoment(series, v) {
  return (ns) => {
    const m = momentAt(series.moments, ns);
    const lines = series.names.filter((name) => m.parts[name]).map((name) => partText(name) + ': ' + format.bytes(m.parts[name]));
    if (knowsResidual(m)) lines.unshift("not hakmem's: " + format.bytes(m.rss - touched(m)), 'never touched, so not resident: ' + format.bytes(m.untouched));
    if (m.rss !== null) lines.unshift('resident: ' + format.bytes(m.rss));
    const near = v.p.incidents.filter((i) => Math.abs(i.time_ns - ns) < (time.range[1] - time.range[0]) / 100).map((i) => incidentTitle(i));
    return ['at ' + format.ns(m.time), ...lines, ...near].join('\n');
  };
}

function drawMemory(parent, v) {
  const series = momentsOf(v.p);
  if (series.moments.length < 2) { parent.append(empty('There are fewer than two snapshots: the run was too short. HAKMEM_STATS_FILE, which hakmem run sets, takes one after at most 100 ms of work.')); return; }
  const other = lookAtOther();
  timePicture(parent, 300, 'Memory over time', (svg, x, inner) => drawMemoryPicture(svg, x, inner, v, series, other && momentsOf(other.p)), readMoment(series, v));
  const entries = series.names.map((name, i) => [series.whole ? bucketColour(name) : colourOf(i === 0 ? 0 : i + 2), partText(name)]);
  const hasResident = series.moments.some((m) => m.rss !== null);
  if (hasResident) entries.push(['var(--rss)', 'resident set (line)' + (other ? '; dashed: the other run' : '')], ['repeating-linear-gradient(45deg, var(--soft) 0 2px, transparent 2px 5px)', 'residual, at the end: resident and not hakmem’s']);
  if (v.p.incidents.length) entries.push(['var(--mark)', 'incident']);
  parent.append(legend(entries));
  if (!hasResident) parent.append(empty('A trace has neither the resident set nor all buckets; statistics files, which hakmem run and hakmem record keep, have them.'));
  if (hasResident) parent.append(element('p', {class: 'note'}, 'The stack counts pages that were never touched, too. So the resident set may lie below its top.'));
  parent.append(element('p', {class: 'note'}, 'Dotted: the snapshots with the most memory in use, and with the most that was resident and in no live block (the end not counted).'));
  const gap = longestGap(series.moments);
  if (gap) parent.append(element('p', {class: 'note gap'}, 'No snapshot was taken from ' + format.ns(gap.from) + ' to ' + format.ns(gap.to) + ', because the process made few calls or none. When the memory changed between them is unknown.'));
  drawMoments(parent, v);
}

// The same as a table, for those who do not see the picture.
function drawMoments(parent, v) {
  const rows = v.p.timeline.map((m, i) => i);
  const member = (name, unit) => ({name, unit, number: true, value: (i) => v.p.timeline[i][name === 'time' ? 'time_ns' : name], pointer: (i) => [...v.pointer, 'timeline', i, name === 'time' ? 'time_ns' : name]});
  const details = element('details', {}, element('summary', {}, 'Snapshots as a table'));
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) details.append(dataTable([member('time', 'ns'), {name: '± requested', unit: 'bytes', number: true, title: 'Standard error of requested', value: (i) => Math.sqrt(v.p.timeline[i].requested_variance)}, ...['rss', 'requested', 'allocated', 'active', 'committed', 'mapped'].map((name) => member(name, 'bytes'))], rows, {label: 'Snapshots'}));
  });
  parent.append(details);
}

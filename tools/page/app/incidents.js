// incidents.js: wrong headers, double and invalid frees, refusals of the shared pool, and leaks, with bytes and stacks.

function incidentTitle(incident) {
  return incident.kind === 'hdr_reset' ? words(incident.verdict) : 'the shared pool refused: ' + words(incident.reason);
}

function byteText(value) {
  if (value === null) return 'unknown';
  const printable = value >= 0x20 && value < 0x7f ? " '" + String.fromCharCode(value) + "'" : '';
  return '0x' + value.toString(16).padStart(2, '0') + printable;
}

function past(name, moment) {
  if (!moment) return null;
  return element('div', {}, element('h3', {}, name + (moment.thread !== undefined ? ' by thread ' + moment.thread + ', ' + format.ms(moment.ago_ms) + ' before' : '')), moment.stack !== undefined ? stackList(moment.stack) : null);
}

const INCIDENT_ELSEWHERE = ['kind', 'class', 'count', 'time_ns', 'stack_id', 'stack', 'last_good', 'allocated', 'freed', 'left_allocated', 'got', 'expect', 'verdict', 'reason'];
const INCIDENT_UNITS = {size: 'bytes', over: 'bytes', offset: 'bytes', slab_bytes: 'bytes', idle_bytes: 'bytes', own: 'count', others: 'count', batched: 'count', partial: 'count', holder_ms: 'ms', second_ms: 'ms'};

function incidentKey(incident) { return [incident.kind, incident.class, incident.verdict || incident.reason, siteName(incident.stack)].join('|'); }

function drawIncident(incident, i, v, other) {
  const pointer = [...v.pointer, 'incidents', i], list = element('dl');
  const line = (name, ...content) => list.append(element('dt', {}, name), element('dd', {}, content));
  line('how often', figure([...pointer, 'count'], 'count'));
  if (other) {
    const same = other.p.incidents.find((o) => incidentKey(o) === incidentKey(incident));
    line('in the other run', same ? show(same.count, 'count') + ' times' : 'none: it is new');
  }
  line('first at', figure([...pointer, 'time_ns'], 'ns'));
  line('blocks', className(v, incident.class));
  if (incident.kind === 'hdr_reset') line('header byte', 'found ', element('code', {}, byteText(incident.got)), ', expected ', element('code', {}, byteText(incident.expect)));
  for (const [name, value] of Object.entries(incident)) {
    if (INCIDENT_ELSEWHERE.includes(name) || value === null || value === 0 || value === '0x0' || typeof value === 'object') continue;
    line(words(name), figure([...pointer, name], typeof value === 'number' ? INCIDENT_UNITS[name] || 'count' : 'text'));
  }
  return element('article', {class: 'incident', id: 'incident-' + i, tabindex: '-1'}, element('h3', {}, incidentTitle(incident)),
    element('div', {class: 'split'}, list, element('div', {}, element('h3', {}, 'Found in'), stackList(incident.stack)), past('Allocated', incident.allocated), past('Freed', incident.freed),
      past('The left neighbour was allocated', incident.left_allocated), past('Last found in order', incident.last_good)));
}

function drawIncidents(parent, v) {
  const {p} = v, other = lookAtOther();
  if (!p.incidents.length) parent.append(empty('No header was wrong, no block was freed twice, and the shared pool refused nothing.'));
  p.incidents.forEach((incident, i) => parent.append(drawIncident(incident, i, v, other)));
  const gone = other ? other.p.incidents.filter((o) => !p.incidents.some((i) => incidentKey(i) === incidentKey(o))) : [];
  if (gone.length) parent.append(element('h3', {}, 'Only in the other run'), element('ul', {}, gone.map((o) => element('li', {}, incidentTitle(o) + ', ' + show(o.count, 'count') + ' times, in ' + siteName(o.stack)))));
  parent.append(element('h3', {id: 'leaks'}, 'Live blocks at the end'));
  if (!p.leaks.length) { parent.append(empty('None were reported. HAKMEM_LEAKS=1 looks for them when the process ends.')); return; }
  const pointer = [...v.pointer, 'leaks'];
  parent.append(dataTable([
    {name: 'call site', value: (i) => siteName(p.leaks[i].stack)},
    {name: 'kind', value: (i) => words(p.leaks[i].kind)},
    {name: 'bytes', number: true, unit: 'bytes', value: (i) => p.leaks[i].bytes, pointer: (i) => [...pointer, i, 'bytes']},
    {name: 'blocks', number: true, unit: 'count', value: (i) => p.leaks[i].blocks, pointer: (i) => [...pointer, i, 'blocks']},
  ], p.leaks.map((leak, i) => i), {label: 'Leaks', sort: 2, filter: 'Filter leaks', text: (i) => (p.leaks[i].stack || []).map(frameName).join(' ') + ' ' + p.leaks[i].kind, detail: (i) => stackList(p.leaks[i].stack)}));
}

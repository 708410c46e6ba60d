// summary.js: what ran, where its memory is, and the findings, each with links to what it rests on.

function tile(name, content, note) { return element('div', {class: 'tile'}, element('dt', {}, name), element('dd', {}, content, note ? element('small', {}, note) : null)); }

function bucketNames() { return Object.keys(data.meanings.buckets); }
function bucketColour(name) { return colourOf(bucketNames().indexOf(name)); }

function change(now, before, unit) {
  if (now === null || before === null || now === undefined || before === undefined || now === before) return null;
  return signed(now - before, unit) + ' against the other run';
}

// What is resident and not hakmem's, at least. A huge block counts as touched, also where the program never wrote to it: then the residual is too small. But
// pages of files are never hakmem's.
function othersOf(memory) { return Math.max(memory.residual, Math.min(memory.rss_files, memory.rss)); }
function isLeastOthers(memory) { return memory.residual !== null && othersOf(memory) > memory.residual; }

function drawTiles(parent, v, other) {
  const {p, pointer} = v, memory = p.memory, q = other && other.p;
  const tiles = element('dl', {class: 'tiles'});
  if (memory) {
    tiles.append(tile(p.state === 'runs' || p.state === 'stopped' ? 'Resident now' : p.cut ? 'Resident at the last snapshot' : p.state === 'copied' ? 'Resident when copied' : 'Resident at the end', figure([...pointer, 'memory', 'rss'], 'bytes'), p.cut ? format.ns(memory.snapshot_ns) + ' after the start' : q && q.memory && change(memory.rss, q.memory.rss, 'bytes')));
  }
  if (p.rss_max !== null) tiles.append(tile('Resident at most', figure([...pointer, 'rss_max'], 'bytes'), p.rss_max_is_whole === false ? 'until the last snapshot' : q && change(p.rss_max, q.rss_max, 'bytes')));
  if (memory) {
    const held = (m) => bucketNames().filter((name) => name !== 'live' && name !== 'metadata' && name !== 'guarded').reduce((sum, name) => sum + (m.buckets[name] || 0), 0);
    tiles.append(tile('In live blocks', figure([...pointer, 'memory', 'buckets', 'live'], 'bytes'), q && q.memory && change(memory.buckets.live, q.memory.buckets.live, 'bytes')));
    tiles.append(tile('Free, but held', show(held(memory), 'bytes'), q && q.memory && change(held(memory), held(q.memory), 'bytes')));
    if (isLeastOthers(memory)) tiles.append(tile("Not hakmem's", show(othersOf(memory), 'bytes'), 'at least: code, stacks, other mappings'));
    else tiles.append(tile("Not hakmem's", figure([...pointer, 'memory', 'residual'], 'bytes'), 'code, stacks, other mappings'));
  }
  const incidents = (run) => run.incidents.reduce((sum, i) => sum + i.count, 0);
  tiles.append(tile('Incidents', show(incidents(p), 'count'), q && change(incidents(p), incidents(q), 'count')));
  const isLeast = p.cut && p.lived_ns === null;
  tiles.append(tile(isLeast ? 'Ran for at least' : 'Ran for', figure([...pointer, p.lived_ns !== null ? 'lived_ns' : 'elapsed_ns'], 'ns'), p.cut ? 'counts as of ' + format.ns(p.elapsed_ns) : q && change(p.elapsed_ns, q.elapsed_ns, 'ns')));
  tiles.append(tile('State', p.state === null ? 'unknown' : figure([...pointer, 'state'], 'text'), asOf(p)));
  parent.append(tiles);
}

function asOf(p) {
  if (p.read_from === 'memory') return 'as it is now, read from its memory';
  if (p.read_from === 'file') return 'as of ' + format.ns(p.age_ns) + ' ago';
  return null;
}

// The buckets as one bar. What is not resident belongs to one of them.
function drawBuckets(parent, v) {
  const memory = v.p.memory;
  if (!memory) { parent.append(empty('Where the memory is, only statistics files tell: hakmem run writes them.')); return; }
  parent.append(element('h3', {}, 'Where the memory is'));
  const parts = bucketNames().map((name) => ({name, value: memory.buckets[name], text: data.meanings.buckets[name], colour: bucketColour(name), pointer: [...v.pointer, 'memory', 'buckets', name]}));
  const isLeast = isLeastOthers(memory), residual = [...v.pointer, 'memory', 'residual'], untouched = [...v.pointer, 'memory', 'untouched'];
  if (isLeast) parts.push({name: 'residual', value: othersOf(memory), text: "not hakmem's, at least: code, stacks, other mappings", colour: 'var(--soft)'});
  else if (memory.residual !== null) parts.push({name: 'residual', value: memory.residual, text: "not hakmem's: code, stacks, other mappings (the residual)", colour: 'var(--soft)', pointer: residual});
  const sum = parts.reduce((total, part) => total + Math.max(0, part.value), 0);
  const bar = element('div', {class: 'bars', role: 'group', 'aria-label': 'Buckets of memory'}, parts.filter((part) => part.value > 0).map((part) => {
    const text = part.text + ': ' + format.bytes(part.value) + ', ' + format.percent(part.value / sum);
    const button = element('button', {type: 'button', 'aria-label': text, onclick: () => go(part.name === 'live' ? 'flame' : part.name === 'partial' ? 'slabs' : 'memory'), onpointermove: (event) => showTip(event.clientX, event.clientY, text), onpointerleave: hideTip});
    button.style.background = part.colour;
    button.style.flex = part.value / sum + ' 0 0';
    return button;
  }));
  parent.append(bar);
  const rows = parts.filter((part) => part.value !== 0).sort((a, b) => b.value - a.value);
  parent.append(element('div', {class: 'scroll'}, element('table', {'aria-label': 'Buckets of memory'}, element('thead', {}, element('tr', {}, ['', 'bytes', 'of the sum'].map((name, i) => element('th', {scope: 'col', class: i ? 'number' : null}, name)))), element('tbody', {}, rows.map((part) => element('tr', {},
    element('td', {class: 'name'}, swatch(part.colour), part.text), element('td', {class: 'number'}, part.pointer ? figure(part.pointer, 'bytes') : show(part.value, 'bytes')),
    element('td', {class: 'number'}, sum && memory.residual !== null ? format.percent(part.value / sum) : ''))),
  element('tr', {}, element('td', {class: 'name'}, (isLeast ? 'not resident' : 'never touched, so not resident') + ': a part of the rows above'), element('td', {class: 'number'}, isLeast ? show(memory.untouched + othersOf(memory) - memory.residual, 'bytes') : figure(untouched, 'bytes')), element('td', {}))))));
}

// What a finding rests on, by its cost and what it speaks of.
function basis(finding, v) {
  const links = [];
  const add = (id, text, then) => links.push(element('a', {href: '#' + id, onclick: () => { showProcess(finding.pid); if (then) then(); mark(id); }}, text));
  const rule = finding.rule, unit = finding.cost && finding.cost.unit;
  const p = v.processes.find((process) => process.pid === finding.pid) || v.p;
  if (finding.kind === 'data') add('summary', 'What is missing');
  if (finding.kind === 'error' || p.incidents.length && /^(limit|no_memory|huge_blocks|header_reset)$/.test(rule)) add('incidents', 'Incidents');
  if (rule === 'leaks') add('incidents', 'Leaks');
  if (unit === 'bytes' && rule !== 'leaks') {
    add('memory', 'Memory over time');
    if (rule !== 'residual') add('slabs', 'Slabs');
    if (p.profile && rule !== 'residual') {
      add('flame', 'Flame graph', () => flameShow(rule === 'growth' ? 'grown' : rule === 'partial_slabs' ? 'pinned' : 'live'));
      add('sites', 'Call sites');
    }
  }
  if (unit === 'ns' || unit !== 'bytes' && /^(lookup_strategy|drains|fresh_slabs|map_churn)$/.test(rule)) add('latency', 'Latencies', () => latencyShow(/lookup/.test(rule) ? 'lookup' : /drain/.test(rule) ? 'drain' : /map|churn/.test(rule) ? 'map' : 'refill'));
  if (!links.length) add('memory', 'Memory over time');
  return element('div', {class: 'links'}, links);
}

function drawFinding(finding, pointer, v, open) {
  const cost = finding.cost;
  return element('li', {class: 'finding ' + finding.kind},
    element('div', {class: 'what'}, finding.what, data.runs.length > 1 && !data.runs[1 - v.run].explain.findings.some((f) => f.rule === finding.rule) ? ' (not in the other run)' : ''),
    cost ? element('div', {}, cost.unit === 'bytes' ? 'Holds ' : 'Costs ', figure([...pointer, 'cost', 'value'], cost.unit), cost.mean ? ' on average over the run' : '', cost.share !== null ? ', ' + format.percent(cost.share) + (cost.unit === 'bytes' ? ' of the most that was resident' : ' of the run’s time') : '') : null,
    finding.pid !== null ? element('div', {class: 'note'}, 'process ' + finding.pid + (finding.program ? ' (' + baseName(finding.program) + ')' : '') + (finding.other_processes ? ', and ' + finding.other_processes + ' more with less' : '')) : null,
    finding.evidence.length ? element('details', {open: open}, element('summary', {}, 'Evidence'), element('ul', {}, finding.evidence.map((line) => element('li', {}, line)))) : null,
    finding.remedies.length ? element('div', {}, element('strong', {}, 'What to do'), element('ul', {}, finding.remedies.map((remedy) => element('li', {},
      remedy.option ? element('code', {}, remedy.option + '=' + remedy.value) : remedy.what, remedy.option && remedy.what ? ' ' + remedy.what : '', remedy.effect ? element('div', {class: 'note'}, 'Effect: ' + remedy.effect) : null)))) : null,
    basis(finding, v));
}

function drawSummary(parent, v) {
  const {p, report, explain} = v;
  parent.append(element('p', {}, element('strong', {}, baseName(p.program || '?')), ' (process ', figure([...v.pointer, 'pid'], 'text'), ')', p.parent_pid ? ', started by process ' + p.parent_pid : ''));
  drawTiles(parent, v, lookAtOther());
  const lost = Object.entries(v.mainReport.lost).filter(([, count]) => count > 0);
  if (lost.length || report.not_recorded.length) {
    parent.append(element('h3', {}, 'Missing in the data'), element('ul', {}, lost.map(([name]) => element('li', {}, figure([...v.mainPointer, 'lost', name], 'count'), ' ' + (data.meanings.losses[name] || name))),
      report.not_recorded.map((u) => element('li', {}, 'process ' + u.pid + ' (' + u.program + '): ' + u.why))));
  }
  const split = element('div', {class: 'split'}), left = element('div'), right = element('div');
  split.append(left, right);
  parent.append(split);
  drawBuckets(left, v);
  right.append(element('h3', {id: 'findings'}, 'Findings'));
  if (!explain.findings.length) right.append(empty('None: ' + explain.looked_for.filter((l) => l.why_not === null).length + ' rules looked, and ' + explain.looked_for.filter((l) => l.why_not !== null).length + ' could not. hakmem explain says why.'));
  right.append(element('ol', {class: 'findings'}, explain.findings.map((finding, i) => drawFinding(finding, ['runs', v.run, 'explain', 'findings', i], v, i === 0))));
}

// sites.js: the live heap by call site, as a table that sorts and filters.

function drawSites(parent, v) {
  const profile = v.p.profile;
  if (!profile) { parent.append(empty('There are no call sites: run the program with HAKMEM_PROFILE=512K.')); return; }
  const moments = ['last', 'peak', 'idlest'].filter((moment) => profile[moment]);
  const names = {last: 'last snapshot', peak: 'most live memory', idlest: 'most that was resident and not live'};
  let moment = moments.find((m) => profile[m].sites.length) || moments[0];
  const body = element('div');
  parent.append(choice('As of the', moments.map((m) => [m, names[m] + ' (' + format.ns(profile[m].time_ns) + ')']), moment, (m) => { moment = m; draw(); }), body);
  function draw() {
    const sites = profile[moment].sites, pointer = [...v.pointer, 'profile', moment, 'sites'];
    const other = lookAtOther(), old = new Map();
    if (other && other.p.profile && other.p.profile[moment]) for (const site of other.p.profile[moment].sites) old.set(stackKey(site), (old.get(stackKey(site)) || 0) + site.allocated);
    const member = (name, key, unit, title) => ({name, unit, title, number: true, value: (i) => sites[i][key], pointer: (i) => [...pointer, i, key]});
    const columns = [
      {name: 'call site', value: (i) => siteName(sites[i].stack)},
      {name: 'class', value: (i) => className(v, sites[i].class)},
      member('live', 'allocated', 'bytes', data.meanings.site.allocated),
      member('blocks', 'blocks', 'count', data.meanings.site.blocks),
      member('waste', 'waste', 'bytes', data.meanings.site.waste),
      member('pinned', 'pinned', 'bytes', data.meanings.site.pinned),
      {name: '± error', unit: 'bytes', number: true, title: 'Standard error of the live bytes', value: (i) => Math.sqrt(sites[i].allocated_variance)},
      {name: 'mean age', unit: 'ms', number: true, value: (i) => (sites[i].blocks > 0 ? sites[i].age_ms / sites[i].blocks : null)},
      member('oldest', 'oldest_ms', 'ms', 'Age of the oldest live block'),
    ];
    if (old.size) columns.splice(3, 0, {name: 'change', unit: 'bytes', number: true, title: 'Live bytes more than in the other run', value: (i) => sites[i].allocated - (old.get(stackKey(sites[i])) || 0), cell: (i) => { const by = sites[i].allocated - (old.get(stackKey(sites[i])) || 0); return element('span', {class: by > 0 ? 'more' : 'less'}, signed(by, 'bytes')); }});
    body.replaceChildren();
    if (!sites.length) { body.append(empty('No live block was recorded at this moment.')); return; }
    body.append(dataTable(columns, sites.map((site, i) => i), {label: 'Call sites', filter: 'Filter call sites', sort: 2,
      text: (i) => className(v, sites[i].class) + ' ' + (sites[i].stack || []).map((frame) => frameName(frame) + ' ' + framePlace(frame)).join(' '), detail: (i) => stackList(sites[i].stack)}));
    if (profile[moment].rest_count) body.append(element('p', {class: 'note'}, figure([...v.pointer, 'profile', moment, 'rest_count'], 'count'), ' more call sites together: ', figure([...v.pointer, 'profile', moment, 'rest', 'allocated'], 'bytes'), '.'));
  }
  draw();
}

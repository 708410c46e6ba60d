// difference.js: two runs: every figure of hakmem diff side by side.

const DIFF_UNITS = {count: 'count', bytes: 'bytes', ns: 'ns'};

function drawDifference(parent) {
  if (!data.diff) { parent.append(empty('The figures of the two runs could not be compared; hakmem diff says why.')); return; }
  const figures = data.diff.figures, names = Object.keys(figures);
  const known = (name) => typeof figures[name].a === 'number' && typeof figures[name].b === 'number';
  const changed = names.filter((name) => known(name) && figures[name].a !== figures[name].b);
  const by = (name) => figures[name].b - figures[name].a;
  const share = (name) => (figures[name].a ? by(name) / figures[name].a : by(name) ? Infinity : 0);
  let all = false;
  const body = element('div');
  parent.append(element('p', {}, 'A is ', element('code', {}, data.runs[0].report.path), ', B is ', element('code', {}, data.runs[1].report.path), '. One run of each side cannot tell a change from noise; hakmem diff can with 4 of each.'),
    choice('Show', [['changed', 'what changed'], ['all', 'all figures']], 'changed', (what) => { all = what === 'all'; draw(); }), body);
  function draw() {
    const cell = (name) => { const f = figures[name]; return known(name) ? element('span', {class: f.verdict === 'worse' ? 'more' : f.verdict === 'better' ? 'less' : null}, signed(by(name), DIFF_UNITS[f.unit])) : 'unknown'; };
    body.replaceChildren(dataTable([
      {name: 'figure', value: (name) => name},
      {name: 'A', number: true, value: (name) => figures[name].a, cell: (name) => figure(['diff', 'figures', name, 'a'], DIFF_UNITS[figures[name].unit])},
      {name: 'B', number: true, value: (name) => figures[name].b, cell: (name) => figure(['diff', 'figures', name, 'b'], DIFF_UNITS[figures[name].unit])},
      {name: 'change', number: true, value: (name) => (known(name) ? Math.abs(by(name)) : null), cell},
      {name: 'in %', number: true, value: (name) => (known(name) ? Math.abs(share(name)) : null), cell: (name) => (!known(name) ? '' : Number.isFinite(share(name)) ? signed(share(name), 'percent') : 'new')},
      {name: 'verdict', value: (name) => figures[name].verdict},
    ], all ? names : changed, {label: 'Figures of both runs', filter: 'Filter figures', limit: 500}));
  }
  draw();
}

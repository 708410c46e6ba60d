// heat.js: latencies over time: a column a span of time, a row a doubling of the latency, the darker the more.

function drawHeat(parent, v) {
  parent.append(element('h3', {id: 'heat'}, 'Latencies over time'));
  const p = v.p.heat ? v.p : v.traced && v.traced.heat ? v.traced : null;
  if (!p || !p.heat.columns.length) { parent.append(empty('The data have no latencies over time: the run was too short for two snapshots.')); return; }
  const kinds = Object.keys(p.heat.columns[0].counts);
  const body = element('div');
  let kind = kinds.find((k) => p.heat.columns.some((c) => c.counts[k].some((n) => n > 0))) || kinds[0];
  parent.append(choice('Of', kinds.map((k) => [k, k + 's']), kind, (k) => { kind = k; draw(); }), body);
  function draw() {
    body.replaceChildren();
    const columns = p.heat.columns, from = p.heat.from;
    const used = d3.range(from.length).filter((row) => columns.some((c) => c.counts[kind][row] > 0));
    if (!used.length) { body.append(empty('No ' + kind + ' was timed.')); return; }
    const low = used[0], high = used[used.length - 1], most = d3.max(columns, (c) => d3.max(c.counts[kind]));
    const colour = d3.scaleSequential(d3.interpolateCividis).domain([0, Math.log1p(most)]);
    const unit = p.heat.unit || 'ns', height = Math.max(140, (high - low + 1) * 16 + MARGIN.top + MARGIN.bottom);
    const cellAt = (ns) => columns.find((c) => ns >= c.from_ns && ns < c.to_ns);
    timePicture(body, height, 'Latencies of ' + kind + 's over time', (svg, x, inner) => {
      const y = d3.scaleBand().domain(d3.range(low, high + 1).reverse()).range([MARGIN.top, inner.bottom]);
      svg.append('g').attr('transform', 'translate(' + MARGIN.left + ',0)').call(d3.axisLeft(y).tickFormat((row) => format[unit](from[row])).tickSizeOuter(0));
      const cells = svg.append('g').attr('clip-path', inner.clip);
      for (const [i, column] of columns.entries()) {
        if (column.to_ns < time.range[0] || column.from_ns > time.range[1]) continue;
        for (let row = low; row <= high; row++) {
          const count = column.counts[kind][row];
          if (count) cells.append('rect').attr('class', 'cell').attr('x', x(column.from_ns)).attr('width', Math.max(1, x(column.to_ns) - x(column.from_ns))).attr('y', y(row)).attr('height', y.bandwidth()).attr('fill', colour(Math.log1p(count))).attr('data-value', count).attr('data-pointer', '/' + [...(p === v.p ? v.pointer : [...v.mainPointer, 'processes', v.mainReport.processes.indexOf(p)]), 'heat', 'columns', i, 'counts', kind, row].join('/'));
        }
      }
    }, (ns) => {
      const column = cellAt(ns);
      if (!column) return 'at ' + format.ns(ns) + ': nothing';
      return [format.ns(column.from_ns) + ' to ' + format.ns(column.to_ns), ...d3.range(low, high + 1).reverse().filter((row) => column.counts[kind][row]).map((row) => 'from ' + format[unit](from[row]) + ': ' + format.count(column.counts[kind][row]))].join('\n');
    });
    body.append(element('p', {class: 'note'}, 'A row begins at the latency beside it and ends at the next; the brightest cell holds ' + format.count(most) + '. The colour grows with the logarithm of the count.'));
  }
  draw();
}

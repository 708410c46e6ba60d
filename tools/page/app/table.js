// table.js: a table that sorts by each column and filters by words.
//   column: {name, unit, value(row), pointer(row), cell(row), number, wide, title}; value sorts and filters; pointer makes a figure of it.

function dataTable(columns, rows, options = {}) {
  let sorted = options.sort ?? null, descending = true, words = '';
  const limit = options.limit || 200;
  const body = element('tbody');
  const count = element('span', {class: 'note', 'aria-live': 'polite'});
  const heads = columns.map((column, i) => element('th', {scope: 'col', class: column.number ? 'number' : null},
    element('button', {type: 'button', title: column.title || 'Sort by ' + column.name, onclick: () => sortBy(i)}, column.name)));

  function sortBy(i) {
    descending = sorted === i ? !descending : Boolean(columns[i].number);
    sorted = i;
    draw();
  }

  function chosen() {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const list = rows.filter((row) => wanted.every((word) => (options.text ? options.text(row) : columns.map((c) => String(c.value(row))).join(' ')).toLowerCase().includes(word)));
    if (sorted === null) return list;
    const value = columns[sorted].value;
    const order = (a, b) => (a === b ? 0 : a === null || a === undefined ? -1 : b === null || b === undefined ? 1 : a < b ? -1 : 1);
    return list.slice().sort((a, b) => (descending ? order(value(b), value(a)) : order(value(a), value(b))));
  }

  function cell(column, row, i) {
    const content = column.cell ? column.cell(row) : column.pointer ? figure(column.pointer(row), column.unit) : column.number ? show(column.value(row), column.unit) : column.value(row);
    return element('td', {class: column.number ? 'number' : i === 0 ? 'name' : column.wide ? 'wide' : null}, content);
  }

  function toggle(line, row) {
    if (line.nextSibling && line.nextSibling.dataset.detail) { line.nextSibling.remove(); return false; }
    const detail = element('tr', {class: 'open', 'data-detail': '1'}, element('td', {colspan: columns.length}, options.detail(row)));
    line.after(detail);
    return true;
  }

  function draw() {
    heads.forEach((head, i) => head.setAttribute('aria-sort', i !== sorted ? 'none' : descending ? 'descending' : 'ascending'));
    const list = chosen();
    body.replaceChildren(...list.slice(0, limit).map((row) => {
      const line = element('tr', {}, columns.map((column, i) => cell(column, row, i)));
      if (options.detail) {
        const first = line.firstChild, button = element('button', {type: 'button', class: 'unfold', 'aria-expanded': 'false', 'aria-label': 'Show more of this row',
          onclick: () => button.setAttribute('aria-expanded', String(toggle(line, row)))}, '⋯');
        first.prepend(button, ' ');
      }
      return line;
    }));
    count.textContent = list.length > limit ? 'the first ' + limit + ' of ' + list.length + ' rows' : list.length + (list.length === 1 ? ' row' : ' rows');
  }

  const search = options.filter && element('input', {type: 'search', placeholder: 'Filter', 'aria-label': options.filter, oninput: (event) => { words = event.target.value; draw(); }});
  draw();
  const node = element('div', {}, search ? element('div', {class: 'controls'}, search, count) : null,
    element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': options.label || 'table'}, element('table', {}, element('thead', {}, element('tr', {}, heads)), body)));
  node.filter = (text) => { search.value = words = text; draw(); };
  return node;
}

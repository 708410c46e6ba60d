// dom.js: elements. Text from the data enters the page here only, as text.

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat(9)) {
    if (child !== null && child !== undefined) node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

// A figure of the JSON, which its data-pointer names.
function figure(pointer, unit) {
  const value = at(pointer);
  return element('span', {class: 'figure', 'data-pointer': '/' + pointer.join('/'), 'data-value': value === undefined ? null : String(value), 'data-unit': unit, title: typeof value === 'number' && unit !== 'text' ? value.toLocaleString('en') + unitOf(unit) : null},
    show(value, unit));
}

function unitOf(unit) { return {bytes: ' bytes', ns: ' ns', ms: ' ms', ticks: ' ticks'}[unit] || ''; }

function words(name) { return name.replace(/_/g, ' '); }

function swatch(colour) {
  const node = element('span', {class: 'swatch', 'aria-hidden': 'true'});
  node.style.background = colour;
  return node;
}

function legend(entries) { return element('ul', {class: 'legend'}, entries.map(([colour, text]) => element('li', {}, swatch(colour), text))); }

function empty(why) { return element('p', {class: 'empty'}, why); }

// A group of buttons of which one is pressed. `choices`: [value, label].
function choice(label, choices, chosen, change) {
  const buttons = choices.map(([value, text]) => element('button', {
    type: 'button', 'aria-pressed': String(value === chosen), 'data-value': value,
    onclick: (event) => {
      for (const button of buttons) button.setAttribute('aria-pressed', String(button === event.currentTarget));
      change(value);
    },
  }, text));
  return element('div', {class: 'controls', role: 'group', 'aria-label': label}, element('span', {class: 'note'}, label), buttons);
}

function selection(label, choices, chosen, change) {
  const select = element('select', {onchange: (event) => change(event.target.value)}, choices.map(([value, text]) => element('option', {value, selected: value === chosen}, text)));
  return element('label', {}, label, select);
}

function stackList(stack) {
  if (!stack || !stack.length) return element('p', {class: 'note'}, 'The stack is unknown.');
  return element('ol', {class: 'stack'}, stack.map((frame) => element('li', {class: isOwn(frame) ? 'own' : null, title: (frame.module || '') + ' ' + frame.address},
    frameName(frame), ' ', element('span', {class: 'note'}, framePlace(frame), frame.inlined ? ' (inlined)' : '', frame.module_replaced ? ' (the file was replaced since)' : ''))));
}

// ---- The tip beside the pointer ----

const tip = document.getElementById('tip');

function showTip(x, y, text) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 6)) + 'px';
  tip.style.top = (y + 18 + box.height > innerHeight ? Math.max(4, y - box.height - 10) : y + 18) + 'px';
}

function hideTip() { tip.hidden = true; }

// ---- SVG ----

function picture(parent, width, height, label) {
  return d3.select(parent).append('svg').attr('viewBox', '0 0 ' + width + ' ' + height).attr('height', height).attr('role', 'img').attr('aria-label', label);
}

function widthOf(node) { return Math.max(260, Math.floor(node.clientWidth || node.parentNode.clientWidth || 600)); }

// The values of an axis that double each time or grow tenfold, with few labels.
function logTicks(scale, most) {
  const [low, high] = scale.domain();
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    const value = Math.pow(10, power);
    if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
  }
  const step = Math.ceil(ticks.length / most);
  return ticks.filter((tick, i) => i % step === 0);
}

function colourOf(number) { return 'var(--c' + (number % 10) + ')'; }
function resolved(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

// A click, or Enter or the space bar.
function onActivate(node, act) {
  node.addEventListener('click', act);
  node.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    act(event);
  });
}

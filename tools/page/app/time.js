// time.js: the time axis that all pictures share, in nanoseconds since the start of the process.

const time = {
  end: 1, range: [0, 1], pictures: [],

  begin(end) {
    this.end = Math.max(end, 1);
    this.range = [0, this.end];
    this.pictures = [];
    this.tell();
  },
  set(from, to) {
    const least = this.end / 1e5, width = Math.min(Math.max(to - from, least), this.end);
    const start = Math.min(Math.max(0, from), this.end - width);
    this.range = [start, start + width];
    this.tell();
    for (const draw of this.pictures) draw();
  },
  zoom(factor) {
    const middle = (this.range[0] + this.range[1]) / 2, half = (this.range[1] - this.range[0]) / 2 * factor;
    this.set(middle - half, middle + half);
  },
  pan(share) {
    const step = (this.range[1] - this.range[0]) * share;
    this.set(this.range[0] + step, this.range[1] + step);
  },
  reset() { this.set(0, this.end); },
  tell() {
    document.getElementById('time-range').textContent = format.ns(Math.round(this.range[0])) + ' to ' + format.ns(Math.round(this.range[1]));
    document.getElementById('time-reset').disabled = this.range[0] === 0 && this.range[1] === this.end;
  },
};

const MARGIN = {left: 62, right: 12, top: 10, bottom: 30};

// A picture over the time axis. draw(svg, x, inner) fills it, inner = {width, height, top, left}; read(ns) is the text of the tip at a moment.
function timePicture(parent, height, label, draw, read) {
  const place = element('div', {class: 'drag', tabindex: '0', role: 'group', 'aria-label': label + '. Arrow keys move, plus and minus zoom, 0 shows all.'});
  parent.append(place);
  let x;
  const redraw = () => {
    if (!place.isConnected) return;
    place.replaceChildren();
    const width = widthOf(place);
    x = d3.scaleLinear().domain(time.range).range([MARGIN.left, width - MARGIN.right]);
    const svg = picture(place, width, height, label);
    const clip = 'clip' + Math.random().toString(36).slice(2);
    svg.append('clipPath').attr('id', clip).append('rect').attr('x', MARGIN.left).attr('y', 0).attr('width', Math.max(1, width - MARGIN.left - MARGIN.right)).attr('height', height);
    draw(svg, x, {width, height, bottom: height - MARGIN.bottom, clip: 'url(#' + clip + ')'});
    svg.append('g').attr('transform', 'translate(0,' + (height - MARGIN.bottom) + ')').call(d3.axisBottom(x).ticks(Math.max(2, Math.floor(width / 110))).tickFormat((ns) => format.ns(ns)).tickSizeOuter(0));
  };
  time.pictures.push(redraw);
  redraw();
  let from = null;
  const position = (event) => {
    const box = place.getBoundingClientRect();
    return Math.min(Math.max(event.clientX - box.left, MARGIN.left), box.width - MARGIN.right);
  };
  place.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || event.target.closest('[data-link]')) return;
    from = position(event);
    try { place.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone */ }
  });
  place.addEventListener('pointermove', (event) => {
    const to = position(event);
    d3.select(place).selectAll('.brush, .cursor').remove();
    const svg = d3.select(place).select('svg');
    if (from !== null) svg.append('rect').attr('class', 'brush').attr('x', Math.min(from, to)).attr('width', Math.abs(to - from)).attr('y', MARGIN.top).attr('height', height - MARGIN.bottom - MARGIN.top);
    else svg.append('line').attr('class', 'cursor').attr('x1', to).attr('x2', to).attr('y1', MARGIN.top).attr('y2', height - MARGIN.bottom);
    if (read) showTip(event.clientX, event.clientY, read(x.invert(to)));
  });
  place.addEventListener('pointerleave', () => { d3.select(place).selectAll('.cursor').remove(); hideTip(); });
  const end = (event) => {
    if (from === null) return;
    const to = position(event), start = from;
    from = null;
    if (event.type === 'pointerup' && Math.abs(to - start) > 4) time.set(x.invert(Math.min(start, to)), x.invert(Math.max(start, to)));
    else d3.select(place).selectAll('.brush').remove();
  };
  place.addEventListener('pointerup', end);
  place.addEventListener('pointercancel', end);
  place.addEventListener('dblclick', () => time.reset());
  place.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') time.pan(-0.25);
    else if (event.key === 'ArrowRight') time.pan(0.25);
    else return;
    event.preventDefault();
  });
  return place;
}

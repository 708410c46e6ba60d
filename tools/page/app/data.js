'use strict';
// data.js: the embedded JSON, and the view: the run and the process that all panels show.
// A pointer is a list of keys from the root of the data; it names a figure, here and in the JSON of hakmem report.

const data = JSON.parse(document.getElementById('data').textContent);

// Stacks are stored once each, as numbers; give them their frames again.
(function restoreStacks(value) {
  for (const key in value) {
    if (key === 'stack' && typeof value[key] === 'number') value[key] = data.stacks[value[key]].map((frame) => data.frames[frame]);
    else if (value[key] !== null && typeof value[key] === 'object') restoreStacks(value[key]);
  }
})(data.runs);

function at(pointer) { return pointer.reduce((value, key) => (value === null || value === undefined ? undefined : value[key]), data); }

// Counts and latencies are the trace's, if there is one; memory is the statistics files', if there are any: the same choice as in hakmem report.
function sourcesOf(run) {
  const report = data.runs[run].report;
  return {main: report.trace ? 'trace' : 'stats', memory: report.stats ? 'stats' : 'trace'};
}

const view = {run: 0, process: 0};

// Everything that the panels read: the report, the process, and their pointers.
function look(run = view.run, pid = undefined) {
  const {main, memory} = sourcesOf(run);
  const base = ['runs', run, 'report'];
  const processes = data.runs[run].report[memory].processes;
  const index = pid === undefined ? view.process : Math.max(0, processes.findIndex((p) => p.pid === pid));
  const p = processes[index];
  const own = p && data.runs[run].own && data.runs[run].own[p.pid] ? ['runs', run, 'own', p.pid] : null; // the process's own latencies and classes
  const traced = p && data.runs[run].report[main].processes.find((q) => q.pid === p.pid);
  return {
    run, main, memory, index, p, traced,
    report: data.runs[run].report, explain: data.runs[run].explain,
    mainReport: data.runs[run].report[main], mainPointer: [...base, main],
    pointer: [...base, memory, 'processes', index], processes,
    isOwn: own !== null, latencyPointer: [...(own || [...base, main]), 'latency'], callsPointer: [...(own || [...base, memory]), 'calls'], classesPointer: [...(own || [...base, memory]), 'classes'],
  };
}

// The same program's process in the other run, to compare with.
function lookAtOther() {
  if (data.runs.length < 2) return null;
  const here = look(), other = 1 - view.run;
  const processes = data.runs[other].report[sourcesOf(other).memory].processes;
  const same = here.p && (processes.filter((p) => p.program === here.p.program).sort((a, b) => (b.rss_max || 0) - (a.rss_max || 0))[0]);
  return same ? look(other, same.pid) : null;
}

// ---- Figures as text: always with a unit. ----

// Three digits, as in the text of hakmem report.
function digits(value) { return Math.abs(value) >= 99.95 ? value.toFixed(0) : Math.abs(value) >= 9.995 ? value.toFixed(1) : value.toFixed(2); }

const format = {
  bytes(value) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let unit = 0, rest = value;
    while (Math.abs(rest) >= (unit === 0 ? 1024 : 999.5) && unit < units.length - 1) { rest /= 1024; unit++; }
    return (unit === 0 ? String(Math.round(rest)) : digits(rest)) + ' ' + units[unit];
  },
  ns(value) {
    const units = ['ns', 'µs', 'ms', 's'];
    let unit = 0, rest = value;
    while (Math.abs(rest) >= 999.5 && unit < units.length - 1) { rest /= 1000; unit++; }
    return (unit === 0 && Number.isInteger(rest) ? String(rest) : digits(rest)) + ' ' + units[unit];
  },
  ms(value) { return format.ns(value * 1e6); },
  ticks(value) { return Math.round(value).toLocaleString('en') + ' ticks'; },
  count(value) { return Number.isInteger(value) ? value.toLocaleString('en') : Number(value.toPrecision(4)).toLocaleString('en'); },
  percent(value) { return (value * 100).toFixed(1) + ' %'; },
  text(value) { return String(value); },
};

function show(value, unit) { return value === null || value === undefined ? 'unknown' : format[unit](value); }
function signed(value, unit) { return (value > 0 ? '+' : value < 0 ? '−' : '±') + format[unit](Math.abs(value)); }

// ---- Stacks and names ----

function isOwn(frame) { return /(^|\/)libhakmem[^/]*\.so/.test(frame.module || ''); }

function frameName(frame) {
  if (frame.function) return frame.function;
  if (frame.module) return baseName(frame.module) + '+' + frame.offset;
  return frame.address;
}

function baseName(path) { return path.slice(path.lastIndexOf('/') + 1); }

function framePlace(frame) { return frame.file ? baseName(frame.file) + ':' + frame.line : frame.module ? baseName(frame.module) : ''; }

// The frames of the program, innermost first; all of them, if it has none.
function programFrames(stack) {
  const frames = (stack || []).filter((frame) => !isOwn(frame));
  return frames.length ? frames : stack || [];
}

// A function of the C++ library allocates for the function of the program that called it; the text of hakmem report names that one, too.
// The names are demangled: "void std::vector<a, b>::append<c>(d)" has the type of its result before its scope.
function isOfLibrary(frame) {
  let name = frame.function || '', longer;
  do { longer = name; name = name.replace(/<[^<>]*>/g, ''); } while (name !== longer);
  return /^(\S+ )*(std|__gnu_cxx)::/.test(name.replace(/\(.*/, '')) || /^operator (new|delete)/.test(name);
}

function siteName(stack) {
  const frames = programFrames(stack);
  const named = frames.filter((frame) => frame.function);
  const all = named.length ? named : frames;
  const first = Math.max(0, all.findIndex((frame) => !isOfLibrary(frame)));
  const use = all.slice(first, first + 3).map(frameName);
  return use.length ? use.join(' ← ') : 'unknown call site';
}

function strideOf(v, cls) {
  const row = at(v.classesPointer).find((c) => c.class === cls);
  return row ? row.stride : null;
}

function className(v, cls) {
  const stride = strideOf(v, cls);
  return /^\d+$/.test(cls) ? 'class ' + cls + (stride ? ' (' + format.bytes(stride) + ')' : '') : cls + ' blocks';
}

#!/bin/sh
# node: JSON, buffers, zlib, hashes, worker threads.
. "$(dirname "$0")/common.sh"
need node

cat >"$place/work.js" <<'JS'
const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');
const crypto = require('crypto'), zlib = require('zlib');
function job(seed) {
  const rows = [];
  for (let i = 0; i < 8000; i++) rows.push({i, name: 'n'.repeat((i * seed) % 50), at: [i % 7, {deep: i * seed % 1001}]});
  const text = JSON.stringify(rows);
  const packed = zlib.deflateSync(text, {level: 6});
  if (zlib.inflateSync(packed).toString() !== text) throw new Error('zlib lost something');
  const parts = [];
  for (let i = 0; i < 2000; i++) parts.push(Buffer.alloc(i * 37 % 5000, i & 255));
  return [text.length, crypto.createHash('sha256').update(text).digest('hex'), packed.length,
    crypto.createHash('sha256').update(Buffer.concat(parts)).digest('hex')].join(' ');
}
if (isMainThread) {
  (async () => {
    console.log(job(3));
    const results = await Promise.all([5, 7, 11].map(seed => new Promise((resolve, reject) => {
      const worker = new Worker(__filename, {workerData: seed});
      worker.on('message', resolve); worker.on('error', reject);
    })));
    results.forEach(r => console.log(r));
    const map = new Map();
    for (let i = 0; i < 100000; i++) map.set('k' + i * 7919 % 100000, i);
    console.log(map.size, [...map.keys()].sort().slice(0, 5).join());
    console.log(await new Promise((resolve, reject) => zlib.gzip(Buffer.alloc(1 << 20, 'hakmem'), (e, b) => e ? reject(e) : resolve(b.length))));
  })();
} else {
  parentPort.postMessage(job(workerData));
}
JS
work() { under node "$place/work.js"; }

used node -e 0
compare work

#!/bin/sh
# Makes the pictures of the page that the documents show:   sh tools/page/screenshots.sh [PAGE.html]
#
# Without a page, it runs redis, fills it, deletes nine of ten keys, and takes the page of that run. The pictures are written to
# tools/screenshots, each at most 200 KB. Needs a build with HAKMEM_PAGE, Chromium and Node, and redis if there is no page.
# Exit codes: 0 done, 1 a step failed.
set -u
cd "$(dirname "$0")/../.." || exit 1
hakmem=$(realpath "${BUILD_DIR:-build}")/bin/hakmem out=tools/screenshots
die() { echo "screenshots.sh: $*" >&2; exit 1; }
for tool in chromium node; do command -v $tool >/dev/null 2>&1 || die "$tool is not installed"; done
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-screenshots.XXXXXX") || exit 1
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

ask() { redis-cli -p "$port" "$@"; }

run_redis() {
  command -v redis-server >/dev/null 2>&1 || die "redis-server is not installed"
  port=$((20000 + ($$ + $(date +%N | sed 's/^0*//')) % 20000))
  HAKMEM_PROFILE=512K "$hakmem" run -o "$work/redis" -- redis-server --port $port --save '' --appendonly no >"$work/log" 2>&1 &
  server=$!
  tries=0
  until ask ping 2>/dev/null | grep -q PONG; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || die "redis does not answer: $(cat "$work/log")"
    sleep 0.1
  done
  ask eval 'for i = 1, 400000 do redis.call("set", "key:" .. i, string.rep("x", i * 7919 % 900)) end' 0 >"$work/said"
  ask eval 'for i = 1, 400000 do if i % 10 ~= 0 then redis.call("del", "key:" .. i) end end' 0 >"$work/said"
  for i in 1 2 3 4 5 6 7 8 9 10; do ask ping >"$work/said"; sleep 0.05; done
  ask shutdown nosave
  wait "$server"
  server=
  (cd "$work" && "$hakmem" page redis -o "$work/page.html") || die "hakmem page failed"
}

page=${1-}
[ -n "$page" ] || { run_redis; page=$work/page.html; }
mkdir -p "$out"
cat >"$work/take.mjs" <<END
import {writeFileSync} from 'node:fs';
import {resolve} from 'node:path';
import {pathToFileURL} from 'node:url';
import {launch} from '$PWD/tools/page/browser.mjs';
const [page, out] = process.argv.slice(2);
const pictures = [
  ['page-light', {width: 1120, height: 760, dark: false}, ''],
  ['page-dark', {width: 1120, height: 760, dark: true}, "document.getElementById('memory').scrollIntoView()"],
  ['page-flame', {width: 1120, height: 760, dark: false}, "document.getElementById('flame').scrollIntoView()"],
  ['page-phone', {width: 360, height: 740, dark: true}, ''],
];
const browser = await launch();
for (const [name, how, before] of pictures) {
  const tab = await browser.open(pathToFileURL(resolve(page)).href, how);
  if (before) await tab.evaluate(before);
  await new Promise((done) => setTimeout(done, 200));
  const file = out + '/' + name + '.png', picture = await tab.screenshot();
  if (picture.length > 200000) throw new Error(file + ' would have ' + picture.length + ' bytes');
  writeFileSync(file, picture);
  console.log(file, picture.length, 'bytes');
}
await browser.close();
END
node "$work/take.mjs" "$page" "$out" || die "no pictures"

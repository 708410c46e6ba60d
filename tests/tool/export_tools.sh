#!/bin/sh
# What hakmem export writes is opened by the tools that it is for, and they find the totals of report --json: go tool pprof, promtool, speedscope and
# DHAT's viewer in a headless Chromium. (Perfetto's trace processor is in no registry; tests/tool/export.sh holds its rules.)
# long
# timeout: 900
. "$(dirname "$0")/common.sh"
viewer=/usr/libexec/valgrind asked=
# has WHAT TOOL...: whether all of them are installed; else says that WHAT was not asked.
has() {
  what=$1
  shift
  for tool; do command -v "$tool" >/dev/null || [ -e "$tool" ] || { echo "$what was not asked: $tool is not installed"; return 1; }; done
  asked="$asked $what"
}
export HOME="$place"

program sites
"$hakmem" run -o data -O PROFILE=4K -- ./sites >out 2>err || fail "sites: $(cat err)"
"$hakmem" report --json data >json || fail "no report"
# of MEMBER [FUNCTION]: the sum of a member over all sites, or those with the function on their stack.
of() {
  jq --arg member "$1" --arg function "${2-}" '[.stats.processes[0].profile.last.sites | group_by(.stack_id)[]
    | select($function == "" or (.[0].stack != null and any(.[0].stack[]; .function == $function))) | map(.[$member]) | add | round] | add' json
}
commas() { printf "%s" "$1" | sed -e :a -e 's/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/;ta'; }

# ---- go tool pprof ----

look_in_pprof() {
  "$hakmem" export --pprof -o heap.pb.gz data || fail "no profile"
  # top TYPE FUNCTION: what `pprof -top` says that a function has, in plain units.
  top() { go tool pprof -top -nodefraction=0 -sample_index="$1" -unit="${3-B}" heap.pb.gz 2>err | awk -v name="$2" '$6 == name { print $4 }' | sed 's/B$//'; }
  go tool pprof -raw heap.pb.gz >raw 2>err || fail "go tool pprof: $(cat err)"
  grep -q '^inuse_objects/count inuse_space/bytes\[dflt\] pinned_space/bytes$' raw || { cat raw; fail "the sample types"; }
  for function in leaky pinning large main; do
    equal "bytes of $function" "$(of allocated $function)" "$(top inuse_space $function)"
    equal "blocks of $function" "$(of blocks $function)" "$(top inuse_objects $function count)"
  done
  id=$(readelf -n sites | sed -n 's/.*Build ID: //p')
  grep -A 1 '^Mappings' raw | grep -q "/sites $id " || { cat raw; fail "the first mapping is not the program with its build id"; }
  grep -q 'leaky .*/sites.c:[0-9]' raw || { cat raw; fail "no line of leaky"; }
  go tool pprof -tags heap.pb.gz 2>err | grep -q '^ *pid:' || fail "no label pid: $(cat err)"
}
has "go tool pprof" go && look_in_pprof

# ---- promtool reads the text format of Prometheus, in which the family of a counter has the name of its sample. ----

look_in_promtool() {
  "$hakmem" export --openmetrics data >metrics || fail "no metrics"
  counters=$(sed -n 's/^# TYPE \([a-z_]*\) counter$/\1/p' metrics)
  [ "$(printf '%s\n' "$counters" | wc -l)" -gt 40 ] || fail "few counters: $counters"
  for counter in $counters; do printf 's/^\\(# [A-Z]* %s\\) /\\1_total /\n' "$counter"; done >script
  sed -f script metrics | grep -v '^# UNIT' >prometheus
  promtool check metrics <prometheus >out 2>err || { cat out err; fail "promtool"; }
  [ -s out ] || [ -s err ] && { cat out err; fail "promtool found something"; }
}
has promtool promtool && look_in_promtool

# ---- In a browser ----

# dom URL: what the browser makes of it.
dom() {
  timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$place/browser" --allow-file-access-from-files \
    --virtual-time-budget=30000 --dump-dom "$1" >dom 2>browser.err || { tail -n 5 browser.err; fail "chromium on $1"; }
}

look_in_speedscope() {
  "$hakmem" export --speedscope -o flame.json data || fail "no flame graph"
  node -e 'const fs = require("fs"); fs.writeFileSync("load.js",
    `speedscope.loadFileFromBase64("flame.json", "${fs.readFileSync("flame.json").toString("base64")}")`)'
  dom "file://$place/npm/node_modules/speedscope/dist/release/index.html#view=sandwich&localProfilePath=$place/load.js"
  # The table of profiles has the total of each, that of functions has their weights; blocks have no unit that rounds.
  for name in live_bytes live_blocks pinned_bytes; do grep -q "<span>$name</span>" dom || { cat dom; fail "speedscope has no profile $name"; }; done
  grep -q "<span>live_blocks</span></td><td[^>]*>$(commas "$(of blocks)")</td>" dom || { cat dom; fail "speedscope does not say that $(of blocks) blocks are live"; }
  kib() { awk -v bytes="$1" 'BEGIN { printf bytes < 1048576 ? "%.2f KB" : "%.2f MB", bytes / (bytes < 1048576 ? 1024 : 1048576) }'; }
  for function in leaky pinning main; do
    grep -q ">$(kib "$(of allocated $function)") ([^<]*<div.*</span>$function</td>" dom || { cat dom; fail "speedscope does not show $(of allocated $function) bytes of $function"; }
  done
}
install_speedscope() {
  cp -r "$SOURCE_DIR/tests/tool/speedscope" npm
  (cd npm && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 >../npm.out 2>&1) && return
  grep -qE 'EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH' npm.out || { tail -n 5 npm.out; fail "npm cannot install speedscope"; }
  echo "speedscope was not asked: npm cannot reach its registry"
  return 1
}
has speedscope chromium node npm && install_speedscope && look_in_speedscope

# dh_view.html takes a file from its user's hands; a script does the same.
look_in_dhat() {
  "$hakmem" export --dhat -o dhat.json data || fail "no file for DHAT's viewer"
  cp $viewer/dh_view.js $viewer/dh_view.css .
  node -e 'const fs = require("fs"); fs.writeFileSync("view.html", `<!DOCTYPE html><html><head><meta charset="UTF-8"><script src="dh_view.js"></script></head>
  <body><script>window.onload = () => {
    onLoad();
    const hands = new DataTransfer();
    hands.items.add(new File([new TextDecoder().decode(Uint8Array.from(atob("${fs.readFileSync("dhat.json").toString("base64")}"), c => c.charCodeAt(0)))], "dhat.json"));
    gInput.files = hands.files;
    loadFile();
  };</script></body></html>`)'
  dom "file://$place/view.html"
  sed 's/<[^>]*>//g' dom >words
  grep -q 'class="error"' dom && { cat words; fail "DHAT's viewer finds an error"; }
  grep -q "Total: *$(commas "$(of allocated)") bytes (100%" words || { cat words; fail "DHAT's viewer does not say that $(of allocated) bytes are live"; }
  grep -q "in $(commas "$(of blocks)") blocks (100%" words || { cat words; fail "DHAT's viewer does not say that $(of blocks) blocks are live"; }
  grep -q "Total: *$(commas "$(of allocated leaky)") bytes" words || { cat words; fail "DHAT's viewer does not have leaky"; }
  grep -q '0x[0-9A-F]*: leaky (.*sites.c:[0-9]*)' words || { cat words; fail "DHAT's viewer has no line of leaky"; }
}
has "DHAT's viewer" chromium node $viewer/dh_view.js && look_in_dhat
[ -n "$asked" ] || skip "none of the tools is installed"
exit 0

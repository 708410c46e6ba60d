#!/bin/sh
# Makes a picture of hakmem top, as it looks at a process that works:   sh tools/top/screenshot.sh OUT.png [BUILD]
# Runs redis-server (or, if it is not installed, sqlite3) under hakmem and top in tmux, turns the captured screen into HTML, and lets Chromium draw it.
set -eu
[ $# -ge 1 ] || { echo "usage: screenshot.sh OUT.png [BUILD]" >&2; exit 2; }
out=$(realpath -m "$1")
hakmem=$(realpath "${2:-build}")/bin/hakmem
columns=100 rows=32
for tool in tmux chromium redis-server redis-cli redis-benchmark; do
  command -v $tool >/dev/null || { echo "screenshot.sh: $tool is not installed (packages tmux, chromium, redis-server, redis-tools)" >&2; exit 1; }
done
[ -x "$hakmem" ] || { echo "screenshot.sh: there is no $hakmem; build first" >&2; exit 1; }
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-shot.XXXXXX")
port=$((20000 + $$ % 20000))
trap 'redis-cli -p $port shutdown nosave >/dev/null 2>&1; tmux -S "$place/tmux" kill-server 2>/dev/null; rm -rf "$place"' EXIT
cd "$place"

HAKMEM_PROFILE=256K "$hakmem" run -o data -- redis-server --port $port --save '' --daemonize no >log 2>&1 &
until redis-cli -p $port ping >/dev/null 2>&1; do sleep 0.1; done
redis-benchmark -p $port -q -n 300000 -r 200000 -d 180 -t set >/dev/null 2>&1
redis-cli -p $port eval "for i = 0, 120000 do redis.call('del', string.format('key:%012d', i)) end" 0 >/dev/null
redis-benchmark -p $port -q -l -r 200000 -d 180 -t set,get >/dev/null 2>&1 &
load=$!
pid=$(basename data/*.stats .stats)
tmux -S tmux -f /dev/null new-session -d -x $columns -y $rows "env LC_ALL=C.UTF-8 TERM=tmux-256color '$hakmem' top $pid"
sleep 12
tmux -S tmux capture-pane -p -e -N >screen
kill $load

# The colours of the picture; the terminal's own ones are left to each user.
LC_ALL=C.UTF-8 awk '
  function style(  css) {
    css = ""
    fore = reverse ? "#1b1e24" : colour == "" ? "#d7dae0" : colour
    if (dim && !reverse) fore = "#868d99"
    if (reverse) css = "background:" (colour == "" ? "#d7dae0" : colour) ";"
    return css "color:" fore ";" (bold ? "font-weight:bold;" : "")
  }
  BEGIN {
    split("#1b1e24 #f0717a #8fce7a #e5c266 #6fa8f5 #c792ea #62c8d3 #d7dae0", palette, " ")
    print "<!doctype html><meta charset=utf-8><style>body{margin:0;background:#1b1e24;padding:14px}pre{margin:0;font:15px/19px \"DejaVu Sans Mono\",monospace}</style><pre>"
  }
  {
    gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;")
    line = ""
    while (match($0, /\033\[[0-9;]*m/)) {
      line = line "<span style=\"" style() "\">" substr($0, 1, RSTART - 1) "</span>"
      count = split(substr($0, RSTART + 2, RLENGTH - 3), codes, ";")
      if (count == 0) codes[count = 1] = 0
      for (i = 1; i <= count; i++) {
        c = codes[i] + 0
        if (c == 0) bold = dim = reverse = 0
        if (c == 0 || c == 39) colour = ""
        if (c == 1) bold = 1
        if (c == 2) dim = 1
        if (c == 7) reverse = 1
        if (c == 27) reverse = 0
        if (c >= 30 && c <= 37) colour = palette[c - 29]
      }
      $0 = substr($0, RSTART + RLENGTH)
    }
    print line "<span style=\"" style() "\">" $0 "</span>"
  }' screen >screen.html
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=$((columns * 9 + 31)),$((rows * 19 + 28)) --screenshot="$out" "file://$place/screen.html" >/dev/null 2>&1
size=$(stat -c %s "$out")
[ "$size" -lt 204800 ] || { echo "screenshot.sh: $out has $size bytes, more than 200 KB" >&2; exit 1; }
echo "$out: $size bytes"

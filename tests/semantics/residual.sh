#!/bin/sh
# timeout: 200
# Where the memory of real programs is: hakmem's buckets and the residual are what the kernel says, the residual is files' pages for the most part,
# as many as smaps has, and the residual is what data segments and stacks need.
. "$(dirname "$0")/common.sh"
nm -D "$DEFAULT" | grep -q ' dl_iterate_phdr$' || skip "built without events"
cd "$place" || exit 1
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$place"' EXIT
REST=4194304 # bytes: data segments, stacks, the library's own tables

# Files' pages that were not written to, bytes.
of_files() { awk '/^[0-9a-f]+-/ { file = $6 ~ /^\// } file && /^Rss:/ { sum += $2 } file && /^Anonymous:/ { sum -= $2 } END { print sum * 1024 }' "$1"; }

# check NAME PID: both views of a program at rest
check() {
  kill -USR1 "$2" # redis uses the other one itself
  for wait in $(seq 100); do
    grep -q "of which pages of files" "$1.dump" 2>/dev/null && break
    sleep 0.1
  done
  cp "/proc/$2/smaps" "$1.smaps" || fail "$1 is gone"
  awk -v name="$1" -v files="$(of_files "$1.smaps")" -v rss="$(awk '/^Rss:/ { sum += $2 } END { print sum * 1024 }' "$1.smaps")" -v rest="$REST" '
    function off(a, b) { return a > b ? a - b : b - a }
    /^  committed: the sum/ { committed = $(NF - 1) }
    /^  not touched yet/ { untouched = $(NF - 1) }
    /^  resident, as the kernel says/ { resident = $(NF - 1) }
    /^  residual: the/ { residual = $(NF - 1) }
    /^  of which pages of files/ { of_which = $(NF - 1) }
    END {
      left = residual - of_which
      printf "%s: resident %.2f MB = hakmem %.2f + files %.2f + rest %.2f; smaps: %.2f, files %.2f\n", name, resident / 1e6,
        (committed - untouched) / 1e6, of_which / 1e6, left / 1e6, rss / 1e6, files / 1e6
      if (resident == 0 || off(resident, committed - untouched + residual) > 0) { print "it does not add up"; exit 1 }
      if (off(resident, rss) > 524288) { print "smaps says something else"; exit 1 }
      if (off(of_which, files) > 524288) { print "smaps says something else of files"; exit 1 }
      if (left < 0 || left > rest) { print "too much that has no name"; exit 1 }
    }' "$1.dump" || fail "where the memory of $1 is"
}

# start NAME PROGRAM...: in the background, $pid
start() {
  name=$1
  shift
  HAKMEM_STATS_SIGNAL=USR1 HAKMEM_LOG_FILE="$place/$name.dump" LD_PRELOAD=$DEFAULT "$@" >"$name.out" 2>&1 <&3 &
  pid=$!
}
until_says() {
  for wait in $(seq 200); do
    grep -q "$2" "$1.out" && return
    sleep 0.1
  done
  cat "$1.out"
  fail "$1 does not come to '$2'"
}
mkfifo in
exec 3<>in
checked=0

# Not by a shim, which is another program.
python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null)
if [ -n "$python" ]; then
  start python3 env PYTHONMALLOC=malloc "$python" -uc '
import json, sys
data = [{"a": i, "b": str(i) * 3, "c": [i] * 5} for i in range(50000)]
copy = json.loads(json.dumps(data))
del data
print("ready")
sys.stdin.readline()'
  until_says python3 ready
  check python3 $pid
  kill $pid
  wait $pid 2>/dev/null
  pid=
  checked=$((checked + 1))
fi

if command -v sqlite3 >/dev/null 2>&1; then
  start sqlite3 sqlite3
  cat >&3 <<'END'
create table t(a, b);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 100000) insert into t select x, hex(randomblob(40)) from c;
create index i on t(b);
select 'ready';
END
  until_says sqlite3 ready
  check sqlite3 $pid
  kill $pid
  wait $pid 2>/dev/null
  pid=
  checked=$((checked + 1))
fi

if command -v redis-server >/dev/null 2>&1; then
  start redis redis-server --port 0 --unixsocket "$place/socket" --save '' --daemonize no
  until_says redis 'Ready to accept\|ready to accept'
  awk 'BEGIN { for (i = 0; i < 60000; i++) print "SET key:" i " " sprintf("%0" (i % 200 + 1) "d", i) }' | redis-cli -s "$place/socket" --pipe >/dev/null
  check redis $pid
  kill $pid
  wait $pid 2>/dev/null
  pid=
  checked=$((checked + 1))
fi
[ $checked -gt 0 ] || skip "none of python3, sqlite3 and redis-server is installed"
exit 0

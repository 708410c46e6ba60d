# Frames in code that a JIT compiler made have names, from the map that its runtime writes.
. "$(dirname "$0")/common.sh"
[ "$(uname -m)" = x86_64 ] || skip "the test's generated code is for x86-64"
program jit

# frames DIR: the functions of the stack that most of the heap was allocated by, innermost first, hakmem's own left out.
frames() { jq -r '.stats.processes[0].profile.last.sites | max_by(.samples) | [.stack[] | select((.module // "") | contains("libhakmem") | not) | .function // "none"] | join(" ")' "$1.json"; }
record() { # DIR ARGUMENT...
  dir=$1
  shift
  "$hakmem" run -O PROFILE=1 -o "$dir" -- ./jit "$@" 2>err || { cat err; fail "cannot run jit $*"; }
  pid=$(basename "$(ls "$dir"/*.stats)" .stats)
  rm -f "/tmp/perf-$pid.map" "/tmp/jit-$pid.dump" # the run kept a copy
  "$hakmem" report --json "$dir" >"$dir.json" || fail "cannot report jit $*"
}

record named
case $(frames named) in
  "allocating generated(int) main"*) ;;
  *) jq . named.json | grep -A40 '"sites"' | head -60; fail "the frames are: $(frames named)" ;;
esac
"$hakmem" report named >text || fail "cannot report"
grep -qF 'generated(int) in [anonymous]' text || { cat text; fail "the text does not name the function"; }

record dumped dump
case $(frames dumped) in
  "allocating moved(int) main"*) ;;
  *) fail "with a jitdump, the frames are: $(frames dumped)" ;;
esac

record hostile hostile
"$hakmem" report hostile >text || fail "cannot report"
plain text
grep -qF 'a\x1b]0;b\x07 in [anonymous]' text || { cat text; fail "a hostile name is not escaped"; }

record nothing nothing
case $(frames nothing) in
  "allocating none main"*) ;;
  *) fail "without a map, the frames are: $(frames nothing)" ;;
esac

# A map of another time is another process's.
pid=$(basename "$(ls named/*.stats)" .stats)
touch -d '1 hour ago' "named/$pid.map"
"$hakmem" report --json named >named.json || fail "cannot report"
case $(frames named) in *generated*) fail "an old map was taken" ;; esac
exit 0

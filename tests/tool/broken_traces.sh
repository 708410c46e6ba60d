#!/bin/sh
# Traces on which babeltrace2 hangs, crashes, takes all memory or gives up: the report ends, and has what was read until then.
. "$(dirname "$0")/common.sh"
command -v pkg-config >/dev/null && pkg-config babeltrace2 || skip "libbabeltrace2-dev is not installed"
mkdir plugins trace
# shellcheck disable=SC2046 # a list of options
cc -std=gnu11 -O1 -shared -fPIC -o plugins/babeltrace-plugin-ctf.so "$SOURCE_DIR/tests/tool/broken_ctf.c" $(pkg-config --cflags --libs babeltrace2) ||
  fail "broken_ctf.c does not compile"
echo '/* CTF 1.8 */' >trace/metadata
export BABELTRACE_PLUGIN_PATH="$place/plugins"

broken() {
  BROKEN_CTF=$1 timeout 200 "$hakmem" report --json trace >json 2>err
  code=$?
  [ $code -eq 1 ] || { cat err; fail "exit code $code for a trace of which babeltrace2 read a part ($1)"; }
  [ "$(wc -l <err)" -eq 1 ] && grep -q "could not be read to the end: $2" err || { cat err; fail "not one line that says '$2' ($1)"; }
  events=$(jq .trace.events json)
  [ "$events" -ge 80 ] && [ "$events" -le 100 ] || fail "$events events of 100 that were given ($1)"
  equal "losses ($1)" 1 "$(jq .trace.lost.unread json)"
}
broken crash "libbabeltrace2 failed on it (Segmentation fault)"
broken memory "libbabeltrace2 failed on it"
broken fail "the trace is damaged or cut off"
broken hang "libbabeltrace2 made no progress on it for 10 s"
BROKEN_CTF=crash "$hakmem" report trace >text 2>err
grep -q "could not be read to their end" text || { cat text; fail "the report does not say that the rest is missing"; }
BROKEN_CTF=crash "$hakmem" explain trace >text 2>err
equal "the exit code of explain" 1 $?
grep -q "could not be read to their end" text || { cat text; fail "explain does not say that the rest is missing"; }
exit 0

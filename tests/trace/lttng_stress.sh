#!/bin/sh
# Whatever a traced program does at its end, and whatever becomes of the session daemon: it ends when it should, with
# its own exit status; and a program that was killed in the middle of an event does not keep the session from ending.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
program loop
program exits
full="HAKMEM_TRACE=full HAKMEM_STACKS=unwind"

# shellcheck disable=SC2086 # $options are words
every_end() {
  options=$1
  traced $options "$place/loop" 300 || fail "loop: exit status $?"
  traced $options "$place/exits" small || fail "exits small: exit status $?"
  for _ in 1 2 3 4 5; do traced $options "$place/exits" race || fail "exits race: exit status $?"; done
  for _ in $(seq "$2"); do traced $options true || fail "true: exit status $?"; done
  traced $options false && fail "false: exit status 0"
}

every_end "" 10
session ends --subbuf-size=256K
every_end "" 20
every_end "$full" 5

for _ in 1 2 3 4 5; do
  : >"$place/running"
  # shellcheck disable=SC2086
  start $full "$place/exits" never >"$place/running"
  for _ in $(seq 600); do
    [ ! -s "$place/running" ] || break
    sleep 0.1
  done
  sleep 0.1
  kill -9 $!
  wait $! 2>/dev/null
done
lttng_do destroy ends
babeltrace2 "$place/ends" >"$place/ends.text" 2>/dev/null || fail "the trace cannot be read"
[ "$(grep -F 'procname = "exits"' "$place/ends.text" | count /dev/stdin alloc)" -gt 1000 ] || fail "nothing was traced"

# A daemon that does not answer holds a program up for as long as it was told to wait, no longer.
session stopped
daemon=$(cat "$place/daemon.pid")
kill -STOP "$daemon"
before=$(date +%s)
traced LTTNG_UST_REGISTER_TIMEOUT=200 "$place/exits" small 2>"$place/stopped.err"
status=$?
took=$(($(date +%s) - before))
kill -CONT "$daemon"
[ $status -eq 0 ] || fail "with a stopped daemon: exit status $status"
[ $took -le 15 ] || fail "with a stopped daemon: $took s"
lttng_do destroy stopped

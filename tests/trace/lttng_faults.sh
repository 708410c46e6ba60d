#!/bin/sh
# While a program is traced, the consumer stops, the disk is full, a session begins and ends again and again, or the daemon is killed. The program never
# waits, and `hakmem report` says what the trace lacks.
# SESSIONS=N in the environment: how often a session begins and ends, 50 without it.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
report=$BUILD_DIR/bin/hakmem
[ -x "$report" ] || skip "the companion program is not built (HAKMEM_TOOLS)"
command -v jq >/dev/null 2>&1 || skip "jq is not installed"
program pace
small="--subbuf-size=4K --num-subbuf=2"

begin() { # NAME: of its statistics
  : >"$place/pace.out"
  start HAKMEM_TRACE=full LTTNG_UST_REGISTER_TIMEOUT=1000 HAKMEM_STATS_FILE="$place/$1.stats" "$place/pace" >"$place/pace.out" 2>"$place/pace.err"
  pace=$!
  for _ in $(seq 600); do
    [ ! -s "$place/pace.out" ] || return 0
    sleep 0.1
  done
  fail "the program does not begin"
}

# end WHAT: the program ends within 20 s, and no call took longer than 5 s, which a loaded machine never needs.
end() {
  kill -TERM $pace
  for _ in $(seq 200); do
    kill -0 $pace 2>/dev/null || break
    sleep 0.1
  done
  kill -0 $pace 2>/dev/null && fail "$1: the program does not end"
  wait $pace || fail "$1: exit status $?: $(cat "$place/pace.err")"
  [ ! -s "$place/pace.err" ] || fail "$1: said $(cat "$place/pace.err")"
  # shellcheck disable=SC2046 # words are meant
  set -- "$1" $(tail -n 1 "$place/pace.out")
  echo "$1: $2 pairs of calls, the longest took $3 ms"
  [ "$2" -gt 1000 ] || fail "$1: the program stands still"
  [ "$3" -lt 5000 ] || fail "$1: a call waited"
}

# lost NAME WHAT LOSSES: the report counts lost events. If it cannot read the trace, it says why as well.
lost() {
  "$report" report --json "$place/$1" "$place/$1.stats" >"$place/$1.json" 2>"$place/$1.said"
  status=$?
  count=$(jq "(.trace // .stats).lost | $3" "$place/$1.json")
  echo "$2: $count events are lost, of $(jq '(.trace // .stats).counted' "$place/$1.json") that the statistics count; exit status $status: $(head -n 1 "$place/$1.said")"
  [ "${count:-0}" -gt 0 ] || { jq -c '.trace.lost, .stats.lost' "$place/$1.json"; fail "$2: the report does not count the events that were lost"; }
  jq -e '.trace' "$place/$1.json" >"$place/none" || { [ $status -eq 1 ] && [ -s "$place/$1.said" ]; } || fail "$2: the report does not say why it has no trace"
}

consumer() {
  for pid in $(left); do
    ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q consumerd || echo "$pid"
  done
}

# ---- The consumer stops. ----
begin stopped
# shellcheck disable=SC2086 # words are meant
session stopped $small
sleep 0.5
stopped=$(consumer)
[ -n "$stopped" ] || fail "no consumer"
kill -STOP $stopped
sleep 1
end "a consumer that stopped"
kill -CONT $stopped
lttng_do destroy stopped
lost stopped "a consumer that stopped" '.events_discarded'

# ---- The disk is full. ----
mkdir "$place/disk"
if mount -t tmpfs -o size=4m tmpfs "$place/disk" 2>/dev/null; then
  [ -z "$as" ] || chown 65534:65534 "$place/disk"
  begin disk
  session disk --subbuf-size=16K --num-subbuf=4
  sleep 0.5
  head -c 5M /dev/zero >"$place/disk/filled" 2>/dev/null
  sleep 1.5
  end "a full disk"
  $as timeout 60 lttng --no-sessiond destroy disk >"$place/lttng.out" 2>&1 || echo "a full disk: $(tail -n 1 "$place/lttng.out")"
  lost disk "a full disk" '.events_discarded + .untraced'
  umount -l "$place/disk"
fi

# ---- Sessions that begin and end. ----
begin turn
for i in $(seq "${SESSIONS:-50}"); do
  lttng_do create "turn$i" --output="$place/turn"
  # shellcheck disable=SC2086
  lttng_do enable-channel --userspace --buffers-pid $small hakmem
  lttng_do enable-event --userspace --channel=hakmem 'hakmem:*'
  lttng_do start
  lttng_do destroy --no-wait "turn$i"
  [ "$i" -eq 1 ] || rm -rf "$place/turn"
done
end "sessions that begin and end"

# ---- The daemon is killed. ----
begin killed
# shellcheck disable=SC2086
session killed $small
sleep 0.5
kill -KILL "$(cat "$place/daemon.pid")"
sleep 0.5
end "a daemon that was killed"
begin gone
sleep 0.5
end "a daemon that is gone"
for pid in $(left); do kill -KILL "$pid" 2>/dev/null; done # the consumers, which were the daemon's children
rm -f "$place/daemon.pid"
lost killed "a daemon that was killed" '.untraced'

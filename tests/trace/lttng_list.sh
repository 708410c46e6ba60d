#!/bin/sh
# `lttng list --userspace --fields` shows the events of src/events.h with their fields, all of them and no others; and
# nothing but what was asked for is in the way: no session, then a session, and the same list.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
program table

"$place/table" | sort >"$place/wanted"
[ "$(grep -c ' ' "$place/wanted")" -gt 80 ] || fail "the table is too short"

list() {
  start sleep 30
  for _ in $(seq 100); do
    lttng_do list --userspace --fields
    grep -q 'hakmem:' "$place/lttng.out" && break
    sleep 0.1
  done
  kill $!
  wait $! 2>/dev/null
  awk '/^ +[^ :]+:[^ ]+ \(/ { ours = sub(/^hakmem:/, "", $1); event = $1; if (ours) print event }
       /^ +field: / { if (ours) print event, $2 }' "$place/lttng.out" | sort >"$place/listed"
  diff "$place/wanted" "$place/listed" >"$place/diff" || {
    head -n 20 "$place/diff" # < is of the table, > of LTTng
    fail "the events that LTTng lists are not those of the table"
  }
}

list
session whatever
list

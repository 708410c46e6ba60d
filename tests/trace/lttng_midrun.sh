#!/bin/sh
# Sessions that start while the program runs get all that they need to make sense of it: the process event, and each
# stack and loaded object once more.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
program loop

start HAKMEM_TRACE=full HAKMEM_STACKS=unwind "$place/loop"
loop=$!
for _ in $(seq 300); do [ "$(ls /proc/$loop/task | wc -l)" -gt 4 ] && break; sleep 0.1; done # its threads are there
sleep 0.5

missed_before=0
for name in first second; do
  session $name
  sleep 0.7
  finish $name
  text=$place/$name.text
  [ "$(count "$text" alloc)" -ge 100 ] || fail "$name: $(count "$text" alloc) alloc events"
  [ "$(events "$text" early | values replayed | sort -u)" = 0 ] || fail "$name: early events are replayed once"
  missed=$(events "$text" early | values missed | sort -n | tail -n 1)
  [ "$missed" -gt "$missed_before" ] || fail "$name: $missed events missed, $missed_before before the session before"
  missed_before=$missed
  grep -qF ' hakmem:process: ' "$text" || fail "$name: no process event"
  # The thread that greets the session tells of the process first, then of modules. The other threads go on meanwhile, also with process events on their schedule.
  awk 'function thread() { match($0, /vtid = [0-9]+/); return substr($0, RSTART, RLENGTH) }
    / hakmem:process: / { told[thread()] = 1 }
    / hakmem:module: / { if (thread() in told) greeted[thread()] = 1; else early[thread()] = 1 }
    END { for (t in greeted) good += !(t in early); exit good == 0 }' "$text" || fail "$name: the process event does not come first"
  [ "$(count "$text" fragmentation)" -ge 1 ] || fail "$name: no fragmentation event"
  events "$text" module | values path | grep -Fxq "$place/loop" || fail "$name: the program's module is not told of"
  ids=$(events "$text" alloc | values stack | grep -vx 0 | sort -u) # 0: the session began between the stack and its event
  [ -n "$ids" ] || fail "$name: no stacks"
  for id in $ids; do
    events "$text" stack | values id | grep -Fxq "$id" || fail "$name: stack $id is not told of"
  done
done

kill -TERM $loop
wait $loop || fail "the program's exit status is $?"

#!/bin/sh
# Children are traced under their own process ids, whichever way they came to be; with liblttng-ust-fork.so beside the
# provider, too; and many forks of a program whose threads allocate end.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
program forks

# ways NAME WAY...: each child's blocks are in the trace, under its process id, and so are its stacks.
ways() {
  session "$1"
  traced HAKMEM_TRACE=full HAKMEM_STACKS=unwind "$place/forks" ways >"$place/$1.pids" || fail "forks ways, $1: exit status $?"
  finish "$1"
  text=$place/$1.text pids=$place/$1.pids
  shift
  for way in "$@"; do
    pid=$(sed -n "s/^$way //p" "$pids")
    [ -n "$pid" ] || fail "no child by $way"
    grep -F "vpid = $pid," "$text" >"$place/child"
    allocs=$(events "$place/child" alloc | grep -c ' size = 779, ')
    [ "$allocs" -eq 100 ] || fail "$way: $allocs alloc events instead of 100"
    [ "$(count "$place/child" process)" -ge 1 ] || fail "$way: no process event"
    for id in $(events "$place/child" alloc | grep ' size = 779, ' | values stack | sort -u); do
      events "$place/child" stack | values id | grep -Fxq "$id" || fail "$way: stack $id is not told of"
    done
  done
}

ways alone parent fork grandchild daemon forkpty posix_spawn vfork
preload=$preload:liblttng-ust-fork.so.1 # it does not see forkpty, whose child's events then go under the parent's process id
ways beside fork grandchild daemon posix_spawn vfork
preload=${preload%:*}

# The storm, without a session, with one, and with one and full tracing.
traced "$place/forks" storm 40 || fail "the storm without a session: exit status $?"
session storm --subbuf-size=64K # there are many processes
traced "$place/forks" storm 12 || fail "the storm in a session: exit status $?"
traced HAKMEM_TRACE=full HAKMEM_STACKS=unwind "$place/forks" storm 8 || fail "the storm in full tracing: exit status $?"
lttng_do destroy storm

#!/bin/sh
# timeout: 400
# Stacks by frame pointers and by libunwind are those that the C library tells: in all kinds of calls, in signal handlers, on small,
# alternate and coroutines' stacks, beside forks and within the loader's locks, and in libraries that come and go.
. "$(dirname "$0")/common.sh"
here=$SOURCE_DIR/tests/semantics
build() { gcc -D_GNU_SOURCE -O1 -g -fPIC -shared -pthread -fno-builtin -Wl,--build-id "$here/called.c" "$@" || fail "cannot build: $*"; }
build -DROOM=600 -o "$place/small-frame.so"
build -DROOM=1200 -o "$place/large-frame.so"
build -DCONSTRUCTOR -o "$place/constructor.so"
build -DCONSTRUCTOR -DMISUSE -w -o "$place/misuse.so"
nm -D "$DEFAULT" | grep -q ' dl_iterate_phdr$' || skip "built without events"
HAKMEM_STACKS=unwind HAKMEM_TRACE=full LD_PRELOAD=$DEFAULT "$programs/stacks" records >"$place/out" 2>&1 || {
  grep -q 'there are no stacks' "$place/out" && skip "built without HAKMEM_BACKTRACE, or libunwind is not installed"
}

# run HOW CASE [LIBRARY...]: what is said is in $place/out; nothing may be said by hakmem itself
run() {
  how=$1
  shift
  case $1 in known | stray | loader | held | above | lazy | reuse) tested=stacks_loader ;; *) tested=stacks ;; esac
  # Handlers that allocate are no program's right: they must not meet what is done by the clock, with its locks.
  HAKMEM_STATS_INTERVAL=0 HAKMEM_RELEASE_DELAY=1000000 HAKMEM_TRACE=full HAKMEM_STACKS=$how LD_PRELOAD=$DEFAULT "$programs/$tested" "$@" >"$place/out" 2>&1
  status=$?
  [ $status -eq 0 ] && ! grep -aqE "${said:-^hakmem:|\[}" "$place/out" && return
  tail -n 20 "$place/out"
  fail "exit status $status: HAKMEM_STACKS=$how, $*"
}

for how in auto unwind; do
  for case in chains signals handlers coroutines small forks bare; do run $how $case; done
  run $how loader "$place/constructor.so"
  for case in held above lazy; do HAKMEM_LEAKS=1 said='^hakmem:' run $how $case; done # it prints what the loader's objects leak
  run $how reuse "$place/small-frame.so" "$place/large-frame.so"
done
for case in records signals coroutines small; do run fp $case; done
run fp reuse "$place/small-frame.so" "$place/large-frame.so"

# The same if no file can be opened, so that the kernel cannot be asked for the mappings. With process_vm_readv denied, too, only the known part of the stack can
# be read.
export NO_FILES=1
for case in chains signals handlers coroutines small forks; do run auto $case; done
for case in records signals coroutines small; do run fp $case; done
if [ -e "$BUILD_DIR/tests/libhakmem-fault.so" ]; then
  default=$DEFAULT DEFAULT=$BUILD_DIR/tests/libhakmem-fault.so
  export HAKMEM_FAULT=process_vm_readv:from=1
  for how in auto unwind; do
    for case in chains forks; do run $how $case; done
  done
  unset HAKMEM_FAULT
  DEFAULT=$default
fi
unset NO_FILES

# Stacks whose steps are known need no libunwind; others have none while it cannot be called.
for case in known stray; do
  run auto $case
  grep -qx '5 known, 0 others' "$place/out" || { cat "$place/out"; fail "of known and other stacks"; }
done
run unwind known
grep -qx '0 known, 0 others' "$place/out" || { cat "$place/out"; fail "of stacks by libunwind beside a callback"; }

# A frame pointer that is kept at one time and not at another does not mislead.
for how in auto unwind; do
  run $how lies
  run $how moving
done

# The first stack of all is needed on a thread that a constructor waits for, the loader's lock held: it is not taken, the next ones are.
LD_PRELOAD=$DEFAULT timeout 60 "$programs/open" "$place/misuse.so" 30 >"$place/out" 2>&1 ||
  { status=$?; cat "$place/out"; fail "exit status $status of a misuse beside a constructor"; }
grep 'verdict=double_free' "$place/out" | grep -qv stack= || { cat "$place/out"; fail "a stack that could not be taken"; }
grep -q 'verdict=double_free stack=[1-9]' "$place/out" || { cat "$place/out"; fail "no stack once libunwind was open"; }

# A thread's first stack, while the C library tells the thread where its stack is, with a lock held.
for option in HAKMEM_GUARD=1 HAKMEM_PROFILE=1 HAKMEM_DEBUG=1; do
  [ "$(env $option LD_PRELOAD="$DEFAULT" timeout 60 "$programs/own_stack" 2>&1)" = asked ] || fail "a thread that asks for its own stack, $option"
done

HAKMEM_STACKS=off HAKMEM_TRACE=full LD_PRELOAD=$DEFAULT "$programs/stacks" records >"$place/out" 2>&1 && fail "stacks with HAKMEM_STACKS=off"
exit 0

#!/bin/sh
# Children that are made without fork's handlers write nothing to their parent's statistics file, which is whole at the end.
. "$(dirname "$0")/common.sh"
cd "$place" || exit 1
for options in HAKMEM_STATS=0 HAKMEM_PROFILE=64K HAKMEM_TRACE=full HAKMEM_LEAKS=1 HAKMEM_GUARD=100 HAKMEM_DEBUG=1; do
  rm -f stats*
  timeout 60 env $options HAKMEM_STATS_FILE=stats LD_PRELOAD="$DEFAULT" "$programs/bare_children" stats >out 2>&1 ||
    { status=$?; tail -n 5 out; fail "exit status $status with $options"; }
  [ "$(find . -name 'stats*' | wc -l)" -eq 1 ] || fail "$options: a child without handlers made a file"
  [ "$(head -c 8 stats)" = HAKSTATS ] || fail "$options: the parent's file is damaged"
  [ ! -x "$BUILD_DIR/bin/hakmem" ] || "$BUILD_DIR/bin/hakmem" report --json stats 2>err | grep -q '"incomplete":  *0' || { cat err; fail "$options: the parent's file is not whole"; }
done
exit 0

#!/bin/sh
# What hakmem runs in and beside: libraries that allocate in the functions that it would call, a libunwind that cannot be opened, small stacks.
. "$(dirname "$0")/common.sh"

modes='HAKMEM_DEBUG=0 HAKMEM_SECURE=1 HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_PROFILE=1 HAKMEM_LEAKS=1 HAKMEM_TRACE=full HAKMEM_STATS=1'

# ---- Functions that another library stands in front of. ----
${CC:-cc} -O1 -w -D_GNU_SOURCE -shared -fPIC -o "$place/interposer.so" "$SOURCE_DIR/tests/semantics/interposer.c" || fail "interposer.c does not build"
printf 'b\na\n' >"$place/lines"
for mode in $modes; do
  for order in "$place/interposer.so:$DEFAULT" "$DEFAULT:$place/interposer.so"; do
    env $mode HAKMEM_STATS_FILE="$place/%p.hak" HAKMEM_LOG_FILE="$place/log" LD_PRELOAD="$order" timeout 60 sort "$place/lines" >"$place/out" 2>"$place/errors" ||
      fail "$mode, LD_PRELOAD=$order: sort ended with status $?: $(cat "$place/errors")"
    [ "$(cat "$place/out")" = "$(printf 'a\nb')" ] || fail "$mode, LD_PRELOAD=$order: sort wrote $(cat "$place/out")"
  done
done

# ---- Without libunwind. ----
mkdir "$place/broken"
: >"$place/broken/libunwind.so.8"
for mode in $modes; do
  env $mode HAKMEM_LOG_FILE="$place/log" LD_LIBRARY_PATH="$place/broken" LD_PRELOAD="$DEFAULT" /bin/true 2>"$place/errors" || fail "$mode without libunwind: status $?"
  ! grep -q 'TLS_SLL_HDR_RESET' "$place/errors" || fail "$mode without libunwind: $(cat "$place/errors")"
  case $mode in
    *DEBUG=1 | *GUARD=1 | *PROFILE=1 | *LEAKS=1)
      [ "$(grep -c 'there are no stacks' "$place/errors")" -eq 1 ] || fail "$mode without libunwind is not said once: $(cat "$place/errors")" ;;
  esac
done

# ---- With a libunwind whose file is cut off: the loader would map it, and the process end where the rest is touched. ----
libunwind=$(ldconfig -p 2>/dev/null | sed -n 's/.*libunwind\.so\.8 .* => //p' | head -n 1)
for part in 4096 20000 60000 66000; do
  [ -n "$libunwind" ] || break
  head -c $part "$libunwind" >"$place/broken/libunwind.so.8"
  for mode in HAKMEM_DEBUG=1 HAKMEM_LEAKS=1 HAKMEM_TRACE=full; do
    env $mode LD_LIBRARY_PATH="$place/broken" LD_PRELOAD="$DEFAULT" "$BUILD_DIR/tests/misuse/double_free" >"$place/out" 2>"$place/errors"
    status=$?
    [ $status -eq "$(case $mode in *DEBUG=1) echo 134 ;; *) echo 0 ;; esac)" ] || fail "$mode, $part bytes of libunwind: status $status: $(cat "$place/errors")"
    grep -q 'verdict=double_free' "$place/errors" || fail "$mode, $part bytes of libunwind: no report: $(cat "$place/errors")"
    [ "$(grep -c "broken/libunwind.so.8 is cut off" "$place/errors")" -eq 1 ] || fail "$mode, $part bytes of libunwind: $(cat "$place/errors")"
  done
done

# ---- Stacks of a page or two. ----
for mode in $modes; do
  for size in 4096 6144 16384; do
    out=$(env $mode HAKMEM_LOG_FILE="$place/log" LD_PRELOAD="$DEFAULT" "$programs/fibers" $size 2>&1) || fail "$mode: stacks of $size bytes: status $?"
    [ "$out" = done ] || fail "$mode: stacks of $size bytes: $out"
  done
done

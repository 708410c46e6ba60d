#!/bin/sh
# What hakmem says: log lines in their form, the text of the statistics at exit, on a signal, into a file; buckets that add up to what
# the kernel says.
. "$(dirname "$0")/common.sh"
said=$programs/said

# ---- Log lines. ----
lines() {
  words=$1
  shift
  rm -f "$place/log"
  env HAKMEM_LOG="$words" HAKMEM_LOG_FILE="$place/log" LD_PRELOAD="$DEFAULT" "$@" 2>"$place/err" || fail "exit status $? with HAKMEM_LOG=$words"
  [ ! -s "$place/err" ] || { cat "$place/err"; fail "HAKMEM_LOG_FILE is set, but standard error got something"; }
}
has() { grep -qx -- "$1" "$place/log" || { head -n 20 "$place/log"; fail "the log has no line like: $1"; }; }
has_not() { grep -q -- "$1" "$place/log" && fail "the log has a line with $1, which was not asked for"; return 0; }

lines drain "$said" drains
has '\[TLS_SLL_DRAIN\] Drain ENABLED (default)'
has '\[TLS_SLL_DRAIN\] Interval=2048 (default)'
has '\[TLS_SLL_DRAIN\] cls=6 reason=interval before=[0-9]* moved=[0-9]* slabs=[0-9]* ns=[0-9]*'
has '\[TLS_SLL_DRAIN\] cls=6 reason=exit before=[0-9]* moved=[0-9]* slabs=[0-9]* ns=[0-9]*'
has_not SS_BACKEND
lines drain HAKMEM_DRAIN_INTERVAL=100 "$said" drains
has '\[TLS_SLL_DRAIN\] Interval=100 (HAKMEM_DRAIN_INTERVAL)'
lines drain HAKMEM_DRAIN_INTERVAL=0 "$said" drains
has_not reason=interval
lines ss HAKMEM_SS_LIMIT=1 HAKMEM_SS_SIZE=512K "$said" drains
has '\[SS_BACKEND\] shared_fail→legacy cls=6 reason=limit active=1 limit=1'
has_not TLS_SLL_DRAIN
lines ss,drain HAKMEM_SS_LIMIT=1 HAKMEM_SS_SIZE=512K "$said" drains
has '\[SS_BACKEND\] shared_fail→legacy cls=6 reason=limit active=1 limit=1'
has '\[TLS_SLL_DRAIN\] Drain ENABLED (default)'

# ---- Statistics at exit, to standard error or a file; to a file per process. ----
HAKMEM_STATS=1 LD_PRELOAD=$DEFAULT "$said" drains 2>"$place/err" || fail "exit status $? with HAKMEM_STATS=1"
grep -q 'statistics: .*said, pid' "$place/err" || { head "$place/err"; fail "HAKMEM_STATS=1 says nothing on standard error"; }
HAKMEM_STATS=1 HAKMEM_LOG_FILE="$place/dump.%p" LD_PRELOAD=$DEFAULT "$said" drains 2>"$place/err" || fail "exit status $?"
[ ! -s "$place/err" ] || fail "the statistics went to standard error though a file was named"
cat "$place"/dump.* | grep -q 'statistics: .*said, pid' || fail "HAKMEM_LOG_FILE got no statistics"
row=$(awk '$1 == 6 && $2 == 112 { print $5, $6; exit }' "$place"/dump.*)
[ "${row% *}" -ge 15000 ] && [ "${row#* }" -ge 15000 ] || fail "15000 operations of class 6 are shown as: $row"

# ---- On a signal, whatever it interrupts. ----
HAKMEM_STATS_SIGNAL=USR2 HAKMEM_LOG_FILE="$place/signals" LD_PRELOAD=$DEFAULT timeout 100 "$said" signals || fail "exit status $? under 200 signals"
dumps=$(grep -c 'statistics: .*said, pid' "$place/signals")
[ "$dumps" -gt 50 ] || fail "200 signals gave $dumps dumps"
HAKMEM_STATS_SIGNAL=SIGUSR2 HAKMEM_TRACE=full HAKMEM_LOG_FILE="$place/signals2" LD_PRELOAD=$DEFAULT timeout 100 "$said" signals || fail "exit status $? under 200 signals in full tracing"

# ---- On a stack of 16 KiB, on a signal and at exit. ----
HAKMEM_STATS=1 HAKMEM_STATS_SIGNAL=USR2 HAKMEM_LOG_FILE="$place/small" LD_PRELOAD=$DEFAULT "$said" small || fail "exit status $? on a small stack"
[ "$(grep -c 'statistics: .*said, pid' "$place/small")" -eq 2 ] || fail "not two dumps on a small stack"

# ---- The buckets: what is not accounted for is the program's own, which is little here. ----
HAKMEM_STATS=1 LD_PRELOAD=$DEFAULT "$said" fill 2>"$place/err" >"$place/kept" || fail "exit status $? of fill"
awk -v kept="$(cat "$place/kept")" '
  /^  committed: the sum/ { committed = $(NF - 1) }
  /^  resident, as the kernel says/ { resident = $(NF - 1) }
  /^  residual/ { residual = $(NF - 1) }
  /^  live blocks/ { live = $(NF - 1) }
  END {
    printf "live %.1f MB, committed %.1f MB, resident %.1f MB, residual %.1f MB\n", live / 1e6, committed / 1e6, resident / 1e6, residual / 1e6
    if (kept < 50e6 || live < kept || resident < kept) { print "the live blocks are not right"; exit 1 }
    if (residual < 0 || residual > 12e6) { print "the residual is more than a small program needs"; exit 1 }
  }' "$place/err" || fail "the table of buckets does not add up"

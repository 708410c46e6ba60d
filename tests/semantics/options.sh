#!/bin/sh
# The options: the table, unknown names, bad values, names that are fine, and none of it in a set-uid program.
. "$(dirname "$0")/common.sh"

# says PATTERN OPTION=VALUE...: both libraries say one line like this, and the program does its work all the same.
says() {
  pattern=$1
  shift
  for library in "$PLAIN" "$DEFAULT"; do
    env "$@" LD_PRELOAD="$library" sh -c 'echo done' >"$place/out" 2>"$place/err" || fail "exit status $? with $*"
    [ "$(cat "$place/out")" = 'done' ] || fail "the program did not run with $*"
    [ "$(wc -l <"$place/err")" -eq 1 ] && grep -qx "$pattern" "$place/err" || {
      cat "$place/err"
      fail "with $* it should say: $pattern"
    }
  done
}
silent() {
  for library in "$PLAIN" "$DEFAULT"; do
    env "$@" LD_PRELOAD="$library" sh -c 'echo done' >"$place/out" 2>&1 || fail "exit status $? with $*"
    [ "$(cat "$place/out")" = 'done' ] || { cat "$place/out"; fail "it has something to say with $*"; }
  done
}

says 'hakmem: HAKMEM_DRAIN_INTERVALL is not an option and is ignored; HAKMEM_HELP=1 lists the options' HAKMEM_DRAIN_INTERVALL=7
says 'hakmem: HAKMEM_ is not an option and is ignored; HAKMEM_HELP=1 lists the options' HAKMEM_=7
says 'hakmem: HAKMEM_DRAIN_INTERVAL=-1 is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=-1
says 'hakmem: HAKMEM_DRAIN_INTERVAL=20k is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=20k
says 'hakmem: HAKMEM_DRAIN_INTERVAL= is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=
says 'hakmem: HAKMEM_DRAIN_INTERVAL=99999999999999999999 is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=99999999999999999999
says 'hakmem: HAKMEM_SS_SIZE=3M is not allowed (512K|1M|2M|4M); using 2M' HAKMEM_SS_SIZE=3M
says 'hakmem: HAKMEM_LOOKUP=tree is not allowed (directory|hash|linear); using directory' HAKMEM_LOOKUP=tree
says 'hakmem: HAKMEM_ON_ERROR=die\\x1b\[31m is not allowed (auto|report|abort); using auto' HAKMEM_ON_ERROR="$(printf 'die\033[31m')"
says 'hakmem: HAKMEM_STATS_FILE=x* is not allowed (path); using not set' HAKMEM_STATS_FILE="$(printf '%300s' '' | tr ' ' x)"

silent HAKMEM_SS_SIZE=512K
silent HAKMEM_SS_SIZE=4M HAKMEM_SS_LIMIT=1048576 HAKMEM_LOOKUP=hash HAKMEM_ON_ERROR=abort
silent HAKMEM_DRAIN_INTERVAL=1073741824 HAKMEM_RELEASE_DELAY=0
silent HAKMEMORY=1 NOT_HAKMEM_X=2

# The table has every option, each with its default and its meaning.
HAKMEM_HELP=1 LD_PRELOAD=$DEFAULT sh -c : 2>"$place/help"
for name in SS_SIZE SS_LIMIT DRAIN_INTERVAL LOOKUP RELEASE_DELAY HUGE_PAGES POPULATE ON_ERROR DEBUG REDZONE FILL QUARANTINE QUARANTINE_AGE TRACE SAMPLE STATS STATS_FILE STATS_SIGNAL LOG LOG_FILE STACKS FRAGMENTATION HELP; do
  grep -q "^  HAKMEM_$name=.*(default .*)$" "$place/help" || { cat "$place/help"; fail "HAKMEM_HELP=1 does not show HAKMEM_$name"; }
done
[ "$(grep -c '^  HAKMEM_' "$place/help")" -eq "$(grep -c '^      [^ ]' "$place/help")" ] || fail "an option has no meaning in the table"

# A bad HAKMEM_LOG word, a file that cannot be made, a signal that does not exist: the default library says so and goes on.
for option in HAKMEM_LOG=everything HAKMEM_LOG_FILE=/nonexistent/x HAKMEM_STATS_FILE=/nonexistent/x HAKMEM_STATS_SIGNAL=NOSUCH HAKMEM_STATS_SIGNAL=KILL; do
  env "$option" LD_PRELOAD="$DEFAULT" sh -c 'echo done' >"$place/out" 2>"$place/err" || fail "exit status $? with $option"
  [ "$(cat "$place/out")" = 'done' ] && [ "$(wc -l <"$place/err")" -eq 1 ] && grep -q "^hakmem: .*${option%%=*}" "$place/err" || {
    cat "$place/err"
    fail "with $option it should say one line that names it"
  }
done

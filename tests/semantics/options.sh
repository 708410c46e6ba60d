#!/bin/sh
# The options: the table, unknown and old names, bad values, and names that are fine.
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

table=$SOURCE_DIR/src/platform/config.h

# An unknown name, with the nearest option if one is near.
unknown='is not an option and is ignored'
lists='HAKMEM_HELP=1 lists the options'
says "hakmem: HAKMEM_DRAIN_INTERVALL $unknown; the nearest is HAKMEM_DRAIN_INTERVAL; $lists" HAKMEM_DRAIN_INTERVALL=7
says "hakmem: HAKMEM_GAURD $unknown; the nearest is HAKMEM_GUARD; $lists" HAKMEM_GAURD=7
says "hakmem: HAKMEM_QUARENTINE $unknown; the nearest is HAKMEM_DEBUG_QUARANTINE; $lists" HAKMEM_QUARENTINE=7
says "hakmem: HAKMEM_stats $unknown; $lists" HAKMEM_stats=1
says "hakmem: HAKMEM_ $unknown; $lists" HAKMEM_=7
says "hakmem: HAKMEM_MALLOC\\\\x1b $unknown; $lists" "$(printf 'HAKMEM_MALLOC\033')=7"
long=$(printf '%5000s' '' | tr ' ' x)
says "hakmem: HAKMEM_x*\.\.\. $unknown; $lists" "HAKMEM_$long=7"

# Bad values.
says 'hakmem: HAKMEM_DRAIN_INTERVAL=-1 is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=-1
says 'hakmem: HAKMEM_DRAIN_INTERVAL=20kk is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=20kk
says 'hakmem: HAKMEM_DRAIN_INTERVAL= is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=
says 'hakmem: HAKMEM_DRAIN_INTERVAL=99999999999999999999 is not allowed (0 to 1073741824 frees); using 2048' HAKMEM_DRAIN_INTERVAL=99999999999999999999
says 'hakmem: HAKMEM_SS_SIZE=3M is not allowed (512K|1M|2M|4M); using 2M' HAKMEM_SS_SIZE=3M
says 'hakmem: HAKMEM_LOOKUP=tree is not allowed (directory|hash|linear); using directory' HAKMEM_LOOKUP=tree
says 'hakmem: HAKMEM_ON_ERROR=die\\x1b\[31m is not allowed (auto|report|abort); using auto' HAKMEM_ON_ERROR="$(printf 'die\033[31m')"
says 'hakmem: HAKMEM_SOFT_LIMIT=automatic is not allowed (bytes, or auto); using 0' HAKMEM_SOFT_LIMIT=automatic

# Old names. Both set: the new one wins, in either order.
old_names=$(sed -n 's/^ *RENAMED(\([A-Z_]*\), \([A-Z_]*\)).*/\1 \2/p' "$table" | grep -v '^OLD ')
[ -n "$old_names" ] || fail "no old names found in $table"
while read -r old new; do
  says "hakmem: HAKMEM_$old is the old name of HAKMEM_$new: it works in this release, but not in the next" "HAKMEM_$old=100"
  ignored="hakmem: HAKMEM_$old is ignored: it is the old name of HAKMEM_$new, which is also set"
  says "$ignored" "HAKMEM_$old=x" "HAKMEM_$new=100"
  says "$ignored" "HAKMEM_$new=100" "HAKMEM_$old=x"
done <<END
$old_names
END
says "hakmem: HAKMEM_QUARANTINE_AGE is no longer an option and is ignored; $lists" HAKMEM_QUARANTINE_AGE=100

silent HAKMEM_SS_SIZE=512K HAKMEM_DRAIN_INTERVAL=20k HAKMEM_PROFILE=1M HAKMEM_GUARD=1g
silent HAKMEM_SS_SIZE=4M HAKMEM_SS_LIMIT=1048576 HAKMEM_LOOKUP=hash HAKMEM_ON_ERROR=abort
silent HAKMEM_DRAIN_INTERVAL=1073741824 HAKMEM_RELEASE_DELAY=0
silent HAKMEM_SOFT_LIMIT=auto
silent HAKMEM_SOFT_LIMIT=5000000000
silent HAKMEMORY=1 NOT_HAKMEM_X=2

# Every option of the table is in the help, with its default and its meaning, and refuses a value that it cannot have.
HAKMEM_HELP=1 LD_PRELOAD=$DEFAULT sh -c : 2>"$place/help"
options=$(sed -n 's/^ *\(NUMBER\|CHOICE\|TEXT\|BYTES\)([a-z_]*, \([A-Z_]*\),.*/\2/p' "$table")
[ "$(echo "$options" | wc -l)" -ge 20 ] || fail "no options found in $table"
for name in $options; do
  grep -q "^  HAKMEM_$name=.*(default .*)$" "$place/help" || { cat "$place/help"; fail "HAKMEM_HELP=1 does not show HAKMEM_$name"; }
  says "hakmem: HAKMEM_$name=x*\.\.\. is not allowed (.*); using .*" "HAKMEM_$name=$long"
done
[ "$(grep -c '^  HAKMEM_' "$place/help")" -eq "$(echo "$options" | wc -l)" ] || fail "HAKMEM_HELP=1 shows options that are not in the table"
[ "$(grep -c '^  HAKMEM_' "$place/help")" -eq "$(grep -c '^      [^ ]' "$place/help")" ] || fail "an option has no meaning in the table"

# A bad HAKMEM_LOG word, a file that cannot be made, a signal that does not exist: the default library says so and goes on.
for option in HAKMEM_LOG=everything HAKMEM_LOG_FILE=/nonexistent/x HAKMEM_STATS_FILE=/nonexistent/x HAKMEM_STATS_SIGNAL=NOSUCH HAKMEM_STATS_SIGNAL=KILL; do
  env "$option" LD_PRELOAD="$DEFAULT" sh -c 'echo done' >"$place/out" 2>"$place/err" || fail "exit status $? with $option"
  [ "$(cat "$place/out")" = 'done' ] && [ "$(wc -l <"$place/err")" -eq 1 ] && grep -q "^hakmem: .*${option%%=*}" "$place/err" || {
    cat "$place/err"
    fail "with $option it should say one line that names it"
  }
done

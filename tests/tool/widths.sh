# The first screen, explain and the growth are as wide as the terminal, as COLUMNS says, or 80 columns in a pipe; findings are bold on a terminal
# only, and not with NO_COLOR.
# needs: /dev/pts
. "$(dirname "$0")/common.sh"
command -v script >/dev/null 2>&1 || skip "script is not installed"
unset COLUMNS NO_COLOR
export TERM=xterm
program sites
"$hakmem" run -o data -- "$BUILD_DIR/bin/off_by_one" >out 2>err || fail "off_by_one: $(cat err)"
"$hakmem" run -o before -O PROFILE=1 -- ./sites >out 2>err || fail "sites: $(cat err)"
"$hakmem" run -o after -O PROFILE=1 -- ./sites fork >out 2>err || fail "sites: $(cat err)"
explain() { "$hakmem" explain data; }
summary() { "$hakmem" report --summary data; }
since() { "$hakmem" report --since before after; }
widest() { sed 's/\x1b\[[0-9;]*m//g; s/\r$//' | wc -L; }

between() { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1: $2 columns, not $3 to $4"; }
between "explain in a pipe" "$(explain | widest)" 70 80
between "the first screen in a pipe" "$(summary | widest)" 70 80
between "explain with COLUMNS=120" "$(COLUMNS=120 explain | widest)" 100 120
between "explain with COLUMNS=60" "$(COLUMNS=60 explain | widest)" 45 60
between "the growth with COLUMNS=60" "$(COLUMNS=60 since | widest)" 45 60
between "explain with COLUMNS=x" "$(COLUMNS=x explain | widest)" 70 80
between "explain with COLUMNS=1" "$(COLUMNS=1 explain | widest)" 30 45

# Every section of the report, and what compares runs, fits. A path has no place to break, so lines of stacks are left out.
"$hakmem" run -o refused -O SS_LIMIT=1 -O PROFILE=1 -O LEAKS=1 -- ./sites fork >out 2>err || fail "sites: $(cat err)"
"$hakmem" run -o debugged -O DEBUG=1 -- ./sites >out 2>err || fail "sites: $(cat err)"
sections=$(COLUMNS=1000 "$hakmem" report --section=help | awk '{ print $1 }' | grep -x '[a-z]*')
equal "sections are known" 1 "$(echo "$sections" | grep -cx latency)"
fits() { # COLUMNS COMMAND...
  at_most=$1
  shift
  COLUMNS=$at_most "$hakmem" "$@" >page 2>err
  [ -s page ] || [ "$1" = report ] || fail "$*: $(cat err)"
  grep -vE '^ *[^ ]* (at|in) [^ ]*( \(inlined\))?$' page | widest >width
  [ "$(cat width)" -le "$at_most" ] || { awk -v most="$at_most" 'length($0) > most' page; fail "$*: $(cat width) columns, not at most $at_most"; }
}
for columns in 80 60; do
  for data in data after refused debugged; do
    for section in $sections; do fits $columns report --all --section="$section" "$data"; done
    fits $columns report --summary "$data"
    fits $columns explain "$data"
  done
  fits $columns diff before after
  fits $columns diff --all before after
  fits $columns check after --fail-on 'rss(peak) > 1MiB'
done
COLUMNS=200 "$hakmem" report --section=latency after | grep -q 'p90' || fail "a wide page lacks columns"

# on_terminal COLUMNS COMMAND...
on_terminal() {
  columns=$1
  shift
  script -qec "stty cols $columns; $*" /dev/null </dev/null
}
bold=$(printf '\033[1m')
for command in "explain data" "report --summary data"; do
  on_terminal 100 "'$hakmem' $command" >screen
  between "$command on a terminal" "$(widest <screen)" 75 100
  grep -qF "$bold" screen || fail "no finding of $command is bold on a terminal"
  on_terminal 100 "NO_COLOR=1 '$hakmem' $command" >screen
  grep -qF "$bold" screen && fail "$command has colour with NO_COLOR"
  on_terminal 100 "TERM=dumb '$hakmem' $command" >screen
  grep -qF "$bold" screen && fail "$command has colour on a dumb terminal"
  "$hakmem" $command >text
  plain text
done
exit 0

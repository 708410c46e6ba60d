#!/bin/sh
# hakmem top in a terminal, by keys and captured screens: the list, a process, sorting, filter, pause, help; processes that stop, end and have hostile names;
# other sizes; what it costs; the terminal is given back. As plain text, its figures are those of the report.
# timeout: 600
. "$(dirname "$0")/common.sh"
command -v tmux >/dev/null || skip "tmux is not installed"
program rests
name=top-$$ # other programs under hakmem may run beside this test
mv rests "$name" || fail "cannot name the program"
unset NO_COLOR COLUMNS TMUX

# start DIR [NAME=VALUE...] ARGUMENTS...: rests in the background; $pid is its process.
start() {
  dir=$1
  shift
  env_of=
  while case $1 in *=*) ;; *) false ;; esac; do env_of="$env_of $1"; shift; done
  : >"$dir.out"
  env $env_of "$hakmem" run -o "$dir" -- "${command:-./$name}" "$@" >"$dir.out" 2>"$dir.err" &
  for try in $(seq 200); do grep -q ready "$dir.out" && break; sleep 0.05; done
  grep -q ready "$dir.out" || fail "$dir: $(cat "$dir.err")"
  pid=$(basename "$dir"/*.stats .stats)
  pids="${pids:-} $pid"
}
socket=$place/tmux
tmux_do() { tmux -S "$socket" -f /dev/null "$@"; }
trap 'tmux_do kill-server 2>/dev/null; kill -KILL ${pids:-} 2>/dev/null; wait; cd /; rm -rf "$place"' EXIT

# terminal WIDTH HEIGHT COMMAND: starts a shell that runs the command, and stays.
terminal() {
  tmux_do kill-server 2>/dev/null
  sleep 0.2
  tmux_do new-session -d -x "$1" -y "$2" "env LC_ALL=${locale:-C.UTF-8} ${settings:-A=1} sh -c '$3; echo exit code \$?; stty -a | grep -o -- \"-*echo \"; exec cat'" || fail "tmux does not start"
}
keys() { tmux_do send-keys "$@"; }
screen() { tmux_do capture-pane -p; }
# shows TEXT, hides TEXT: waits until the screen has, or has not, the text.
shows() {
  for try in $(seq 100); do screen >shot; grep -qF -- "$1" shot && return; sleep 0.1; done
  cat shot
  fail "the screen does not show '$1'"
}
hides() {
  for try in $(seq 100); do screen >shot; grep -qF -- "$1" shot || return; sleep 0.1; done
  cat shot
  fail "the screen still shows '$1'"
}
# click TEXT [BUTTON]: where the screen has the text, as a terminal says it: each number 32 larger, in a byte. Button 3 is the release, 65 the wheel,
# downwards, which has none.
button() { tmux_do send-keys -H 1b 5b 4d "$(printf %x $((32 + $1)))" "$(printf %x $((32 + column)))" "$(printf %x $((32 + row)))"; }
click() {
  place_of "$1"
  button "${2:-0}"
  [ "${2:-0}" -ge 64 ] || button 3
}
# place_of TEXT: sets $column and $row, from 1.
place_of() {
  shows "$1" # the screen before it may not be gone yet
  at=$(screen | LC_ALL=C awk -v text="$1" 'found = index($0, text) { print found, NR; exit }')
  column=${at% *} row=${at#* }
  [ -n "$at" ] || { screen; fail "there is no '$1' to click on"; }
}
fits() { [ "$(wc -L <shot)" -le "$1" ] || { cat shot; fail "a row is wider than $1 columns"; }; }

start few 2 10000 300
few=$pid
start work HAKMEM_PROFILE=64K 3 20000 100 works
work=$pid

# ---- Plain text: the figures are those of the report ----
"$hakmem" top few | cat >out || fail "top few | cat"
grep -q "1 process of few" out && grep -q "^ *$few runs .* $name$" out || { cat out; fail "the list of a directory"; }
"$hakmem" report --json "$few" >json
buckets=$(jq '[.stats.processes[0].memory.buckets[] | select(. > 0)] | length' json)
"$hakmem" top --batch 1 "$few" >out || fail "top --batch 1 PID"
plain out
bar() { awk -v name="$1" 'index($0, " " name " ") == 1 { rest = substr($0, 29); split(rest, f, " "); print f[1] " " f[2]; exit }' out; }
bytes() { # rounded as C does, which takes a tie to the even digit
  jq -r "$1" json | awk '{ u = "B"; if ($1 >= 1024) { $1 /= 1024; u = "KiB" } if ($1 >= 999.5 && u == "KiB") { $1 /= 1024; u = "MiB" }
    printf (u == "B" ? "%.0f" : $1 < 9.995 ? "%.2f" : $1 < 99.95 ? "%.1f" : "%.0f") " %s\n", $1, u }'
}
same() { equal "$1 of the bars" "$(bytes "$2" | awk '{ printf "%.3g %s", $1, $2 }')" "$(bar "$1" | awk '{ printf "%.3g %s", $1, $2 }')"; }
same "live blocks" .stats.processes[0].memory.buckets.live
same "cached in TLS SLLs" .stats.processes[0].memory.buckets.cached_tls
same "free in partial slabs" .stats.processes[0].memory.buckets.partial
same "slab tails" .stats.processes[0].memory.buckets.tails
equal "bars of buckets" "$buckets" "$(sed -n '4,/not touched/p' out | grep -vc 'not touched')"
cat >partly.c <<'END_OF_PROGRAM'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  memset(malloc(200 << 20), 1, 5 << 20);
  puts("ready");
  fflush(stdout);
  return (int)sleep(600);
}
END_OF_PROGRAM
cc -O1 -fno-builtin -o partly partly.c || fail "partly.c does not compile"
command=./partly
start part 1 # the program wrote to 5 of the 200 MiB of a block
unset command
"$hakmem" top --batch 1 "$pid" >part.out || fail "top --batch 1 PID"
for bar in "live blocks *200 MiB" "of these not resident *19[0-9] MiB" "not hakmem's *[1-9]"; do
  grep -q "^ $bar" part.out || { cat part.out; fail "a huge block that is partly resident: no bar of '$bar'"; }
done
kill "$pid"
for table in classes threads "call sites" incidents findings; do grep -q "^ $table" out || { cat out; fail "no table of $table"; }; done
grep -q "hakmem set $few PROFILE=512K" out || fail "does not say how to get call sites"
"$hakmem" top --batch 1 "$work" >out
grep -q "work at rests.c:[0-9]*" out || { cat out; fail "no call site by name"; }
COLUMNS=120 "$hakmem" top --batch 2 -i 0.2 few >out || fail "two screens"
equal "screens" 2 "$(grep -c "^ hakmem top" out)"
LC_ALL=C "$hakmem" top --batch 1 "$few" | LC_ALL=C grep -q '[^ -~]' && fail "not plain ASCII in the C locale"

# ---- The list ----
# only TEXT: filters the list.
only() { keys /; keys -l "$1"; keys Enter; shows "filter: $1"; }
terminal 80 24 "$hakmem top"
shows "q quit"
fits 80
only "$name"
shows " $work runs"
shows " $few runs"
first() { screen | sed -n 3p; }
case $(first) in *"$work"*) ;; *) screen; fail "not sorted by RSS" ;; esac
keys r
for try in $(seq 50); do case $(first) in *"$few"*) break ;; esac; sleep 0.1; done
case $(first) in *"$few"*) ;; *) screen; fail "r does not reverse the order" ;; esac
keys r '<' '<' '<'
shows "PID↓"
keys Escape
hides "filter:"
keys /
keys -l nothing-like-this
shows "nothing matches the filter"
keys Escape
hides "filter:"
only "$few"
shows " $few runs"
hides " $work runs"
keys Escape
hides "filter:"
only "$name"
shows " $work runs"
keys '?'
shows "hakmem top: keys"
shows "MALLOC99.9, FREE99.9"
shows "KEEPS, IDLE"
hides "filter: $name"
keys x
shows "filter: $name"
keys Home
keys Down
sleep 0.3
keys Enter
shows "read from its memory"

# ---- A process: its tables, a row in full, pause ----
keys q
shows "PID↓"
keys Escape
hides "filter:"
only "$work"
keys Enter
shows "$name  $work"
shows "calls/s"
fits 80
keys 3
shows "work at rests.c:"
keys Enter
shows "MEAN AGE"
shows "one row in full"
keys x 4
shows "none so far: no wrong header"
keys 2
shows "KEEPS"
keys 1
shows "MALLOC99.9"
keys p
shows " paused "
before=$(screen)
sleep 1.5
equal "a paused screen" "$before" "$(screen)"

# ---- The mouse; paused, because rows of buckets come and go while the process works, and what is clicked on moves ----
click "3 call sites"
shows "work at rests.c:"
click "MEAN AGE"
shows "MEAN AGE↓"
click "MEAN AGE"
shows "MEAN AGE↑"
keys Home
click "work at rests.c:" 65
sleep 0.3
click "work at rests.c:"
sleep 0.3
click "work at rests.c:"
shows "one row in full"
keys x
click "2 threads"
shows "KEEPS"
shows "$work sleeps"
click "1 classes"
shows "MALLOC99.9"
keys Space
hides " paused "
click "? help"
shows "hakmem top: keys"
keys x
hides "hakmem top: keys"

# ---- Other sizes ----
tmux_do resize-window -x 140 -y 50
for try in $(seq 50); do screen >shot; [ "$(wc -L <shot)" -gt 80 ] && break; sleep 0.1; done
fits 140
[ "$(wc -L <shot)" -gt 80 ] || { cat shot; fail "does not use the width"; }
tmux_do resize-window -x 70 -y 20
shows "hakmem top needs 80 columns and 24 rows"
equal "rows of a screen that is too small" 1 "$(screen | grep -c .)"
tmux_do resize-window -x 80 -y 24
shows "MALLOC99.9"
fits 80

# ---- Stopped, ended ----
kill -STOP "$work"
shows "stopped; as it is now"
kill -CONT "$work"
shows "runs; as it is now"
kill -TERM "$work"
shows "ended (ended); these are its last figures"
shows "live blocks"
keys q q
shows "exit code 0"
shows "echo"
equal "echo of the terminal" "echo" "$(screen | grep -o -- '-*echo$' | tail -1)"

# ---- A signal gives the terminal back ----
terminal 80 24 "$hakmem top $few & echo \$! >top.pid; wait \$!"
shows "echo"
terminal 80 24 "$hakmem top $few"
shows "$name  $few"
child=$(tmux_do list-panes -F '#{pane_pid}')
for try in $(seq 50); do top=$(pgrep -P "$child" -x hakmem) && break; sleep 0.1; done
kill -TERM "$top"
shows "exit code 143"
equal "echo of the terminal" "echo" "$(screen | grep -o -- '-*echo$' | tail -1)"

# ---- The mouse of a terminal that writes numbers as text ----
if infocmp -x xterm-256color 2>/dev/null | grep -q 'kmous=.E\[<'; then
  settings=TERM=xterm-256color
  terminal 80 24 "$hakmem top $few"
  shows "2 threads"
  place_of "2 threads"
  tmux_do send-keys -l "$(printf '\033[<0;%d;%dM' "$column" "$row")"
  shows "KEEPS"
fi

# ---- No colours, no UTF-8 ----
settings=NO_COLOR=1 locale=C
terminal 80 24 "$hakmem top $few"
shows "live blocks"
tmux_do capture-pane -p -e >shot
LC_ALL=C grep -q "$(printf '\033\[[0-9;]*3[0-7]m')" shot && { cat -v shot; fail "colours with NO_COLOR"; }
LC_ALL=C grep -q '####' shot || { cat -v shot; fail "no bars in plain ASCII"; }
settings='' locale=

# ---- A hostile name ----
command="./$(printf 'e\033[31mvil\nname')"
cp "$name" "$command"
start evil 1 1000 100
command=
COLUMNS=120 "$hakmem" top evil >out
plain out
grep -qF 'e\x1b[31mvil\x0aname' out || { cat out; fail "the name is not escaped"; }

# ---- Bad usage, and nothing to show ----
fails 2 "neither a process nor a directory" "$hakmem" top nothing
fails 2 "not a number of screens" "$hakmem" top --batch 0
fails 2 "not a number of seconds" "$hakmem" top -i 0
fails 1 "keeps no statistics" "$hakmem" top --batch 1 $$
mkdir empty
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && $nobody test -x "$hakmem"; then
  fails 1 "there is nothing to show" $nobody "$hakmem" top --batch 1
fi
fails 1 "holds neither a trace nor statistics files" "$hakmem" top --batch 1 empty
mkdir cut
head -c 5000 "$(ls few/*.stats | head -n 1)" >cut/123.stats
fails 1 "cut has no statistics that can be read" "$hakmem" top --batch 1 cut
grep -q "no process of yours" out && { cat out; fail "says that nothing runs, and was asked of a directory"; }
"$hakmem" top few </dev/null >out 2>err || fail "a pipe as output"

# ---- The cost, with 100 processes: its share of a processor, over 10 readings ----
for i in $(seq 100); do
  HAKMEM_STATS_FILE=$place/many-$i.stats LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "./$name" 1 100 100 >/dev/null &
  pids="$pids $!"
done
"$hakmem" top --batch 1000 >out 2>err &
top=$!
pids="$pids $top"
# rows COUNT: waits until COUNT rows of the processes were printed.
rows() {
  for try in $(seq 600); do [ "$(grep -c "runs .* $name" out)" -ge "$1" ] && return; sleep 0.1; done
  fail "the list has $(grep -c "runs .* $name" out) rows of 100 processes, not $1"
}
ticks() { sed 's/.*) //' "/proc/$top/stat" | awk '{ print $12 + $13 }'; }
rows 200
before=$(ticks) start=$(date +%s%N)
sleep 8
rows 400
after=$(ticks)
most=$((($(date +%s%N) - start) / 1000000 * $(getconf CLK_TCK) / 1000 / 50))
[ $((after - before)) -le $most ] || fail "$((after - before)) ticks, of which $most are 2 % of a processor, for 100 processes"
exit 0

# hakmem run: a file for each process, whatever its process id, and what a short process costs.
. "$(dirname "$0")/common.sh"

# Processes of the same id, one after another: each in a namespace of its own, or by exec. None is lost, and none is said to be killed that was not.
processes() { jq '.stats.processes | length' "$1.json"; }
program becomes
"$hakmem" run -o same -- ./becomes >out 2>err || { status=$?; cat err; fail "exit status $status"; }
grep -q 'data of 1 process is in same' err || { cat err; fail "a process that called exec counts twice"; }
"$hakmem" report --json same >same.json || fail "no report of a program that called exec"
equal "programs of one process" 2 "$(jq '.stats.processes | length' same.json)"
equal "processes that did not end in order" 0 "$(jq '.stats.lost.incomplete' same.json)"
"$hakmem" report same >text || fail "no report as text"
grep -q '^  statistics of 1 process$' text || { head text; fail "a process that called exec is not one process"; }
grep -q ' exec  *.*becomes$' text || { head -n 20 text; fail "does not say that the program called exec"; }

# One that calls exec at once leaves no file of its own.
"$hakmem" run -o chain -- env nice ls / >out 2>err || { status=$?; cat err; fail "exit status $status"; }
"$hakmem" report chain >text || fail "no report of a chain of programs"
grep -q '^  statistics of 1 process$' text || { head text; fail "a chain of programs is not one process"; }

if unshare -pf --mount-proc true 2>/dev/null; then
  "$hakmem" run -o spaces -- sh -c 'for i in 1 2 3; do unshare -pf --mount-proc ls /; done' >out 2>err || { status=$?; cat err; fail "exit status $status"; }
  "$hakmem" report --json spaces >spaces.json || fail "no report of three namespaces"
  equal "processes with id 1" 3 "$(jq '[.stats.processes[] | select(.pid == 1)] | length' spaces.json)"
fi

# A program that is killed has left what it did.
"$hakmem" run -o killed -- sh -c 'kill -9 $$' 2>err
equal "exit status" 137 $?
"$hakmem" report --json killed >killed.json || fail "no report of a killed process"
equal "killed processes" 1 "$(jq '.stats.lost.incomplete' killed.json)"

# A short process takes little disk.
"$hakmem" run -o short -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done' 2>err || { status=$?; cat err; fail "exit status $status"; }
files=$(find short -type f | wc -l)
[ "$files" -ge 11 ] || fail "11 processes have $files files"
kib=$(du -sk short | cut -f 1)
[ "$kib" -le $((files * 200)) ] || fail "$files short processes take $kib KiB of disk"

# Directories above the one that -o names are made, so that the runs of a comparison can lie side by side.
"$hakmem" run -o side/by/1 -- true 2>err || { status=$?; cat err; fail "exit status $status"; }
[ -n "$(find side/by/1 -name '*.stats')" ] || fail "no statistics in side/by/1"
: >file
fails 1 "cannot make the directory file/1: Not a directory" "$hakmem" run -o file/1 -- true

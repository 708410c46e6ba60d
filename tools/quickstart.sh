#!/bin/sh
# From a fresh Debian 12 or 13 to a page and two diagnoses, in about a minute and a half:   sh tools/quickstart.sh
#
#   1. installs what the build needs   2. builds into ./build   3. records a real program, prints the report and writes the page
#   4. the same program with too few SuperSlabs: shared_fail and the legacy path   5. a program that writes one byte too far
#
# Needs root, or sudo if a package is missing. The recordings stay in build/quickstart; no process stays behind.
# Exit codes: 0 done, 1 a step failed, 2 bad usage.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -eq 0 ] || { echo "usage: sh tools/quickstart.sh" >&2; exit 2; }
unset LD_PRELOAD
for option in $(env | sed -n 's/^\(HAKMEM_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$option"; done

hakmem=build/bin/hakmem out=build/quickstart
export DEBUGINFOD_URLS=  # symbols come from this machine alone

title() { printf '\n==> %s\n' "$*"; }
shows() { printf '    %s\n' "$*"; }
die() { printf '\nquickstart: %s\n' "$*" >&2; exit 1; }

# step WHAT COMMAND...: runs the command, with its output in a log, which is shown if it fails.
step() {
  what=$1
  shift
  "$@" >"$out/step.log" 2>&1 && return
  status=$?
  tail -n 30 "$out/step.log" >&2
  die "$what failed (exit status $status): $*"
}

# expect WHAT PATTERN FILE: stops if no line of the file matches the pattern.
expect() { grep -q -- "$2" "$3" || { tail -n 30 "$3" >&2; die "$1: no '$2' in $3"; }; }

# ---- The real program: sqlite3 fills, indexes and queries a table in memory; the same work every time. ----

write_sql() {
  cat <<'END'
create table reading (id integer primary key, station text, note text, value integer);
with recursive n (i) as (select 1 union all select i + 1 from n where i < 150000)
insert into reading select i, 'station ' || (i * 7919 % 1000), substr('wind rain sun fog snow hail', 1, 1 + i * 31 % 27), i * 104729 % 10007 from n;
create index reading_station on reading (station, value);
create index reading_note on reading (note);
select count(*), sum(value), min(value), max(value) from reading;
select station, count(*), avg(value) from reading group by station order by 3 desc, 1 limit 3;
update reading set note = note || ' and ' || station where value % 5 = 0;
delete from reading where value % 7 = 0;
select note, count(*) from reading group by note order by 2 desc, 1 limit 3;
select a.station, count(*) from reading a join reading b on a.station = b.station and a.value = b.value + 1 group by 1 order by 2 desc, 1 limit 3;
drop index reading_note;
vacuum;
select count(*), sum(length(note)) from reading;
END
}

# record NAME COMMAND...: records the command into $out/NAME, with its output in $out/NAME.out and $out/NAME.err.
record() {
  name=$1
  shift
  "$hakmem" record -o "$out/$name" -- "$@" <"$out/work.sql" >"$out/$name.out" 2>"$out/$name.err" && return
  status=$?
  tail -n 30 "$out/$name.err" >&2
  die "hakmem record of $1 failed (exit status $status); its messages are in $out/$name.err"
}

report() {
  "$hakmem" report "$out/$1" >"$out/$1.txt" 2>"$out/step.log" && return
  status=$?
  cat "$out/step.log" >&2
  die "hakmem report $out/$1 failed (exit status $status)"
}

# first_screen NAME: the part of $out/NAME.txt before the tables.
first_screen() {
  awk '/^hakmem report: / && seen++ { exit } { print "    | " $0 }' "$out/$1.txt"
  shows "The rest is in $out/$1.txt."
}

# section NAME HEADING LINES: the first lines of one section of $out/NAME.txt.
section() {
  awk -v heading="$2" -v lines="$3" '
    index($0, heading) == 1 { inside = 1 }
    inside && $0 == "" { exit }
    inside && ++n <= lines { print "    | " $0 }
    END { if (n > lines) printf "    | (%d more lines in the report)\n", n - lines }' "$out/$1.txt"
}

# finding NAME TEXT: the finding of hakmem explain in the recording NAME that begins with TEXT.
finding() {
  "$hakmem" explain "$out/$1" >"$out/$1.explained.txt" 2>"$out/step.log" || { cat "$out/step.log" >&2; die "hakmem explain $out/$1 failed"; }
  expect "explain does not find '$2'" "^[0-9]*\\. $2" "$out/$1.explained.txt"
  awk -v text="$2" '
    $0 ~ "^[0-9]+\\. " text { inside = 1 }
    inside && $0 == "" { exit }
    inside { print "    | " $0 }' "$out/$1.explained.txt"
}

# ---- The steps. ----

started=$(date +%s)
[ -e /etc/debian_version ] || echo "This is not Debian; install missing packages by hand." >&2

sh tools/machine.sh || die "this machine lacks a file system; see above"

title "1. Packages (tools/packages.txt, sections build and record)"
sh tools/packages.sh build record || die "not all packages could be installed; see above"
shows "All there."

title "2. Build into ./build"
mkdir -p build && rm -rf "$out" && mkdir "$out" || die "cannot make $out"
step "configuring" cmake -S . -B build -DHAKMEM_TRACEPOINTS=ON -DHAKMEM_BACKTRACE=ON -DHAKMEM_TOOLS=ON -DHAKMEM_PAGE=ON -DHAKMEM_TESTS=OFF
# The benchmarks, the plain library and the static one take as long as all of these together.
step "building" cmake --build build -j "$(nproc)" --target hakmem hakmem-tracepoints hakmem-tool man-pages off_by_one
shows "build/lib/libhakmem.so is the allocator, build/bin/hakmem the companion program. (cmake --build build makes the rest.)"

title "3. sqlite3, 150000 rows, recorded in an LTTng session that is set up for it and taken down again"
write_sql >"$out/work.sql"
sqlite3 :memory: <"$out/work.sql" >"$out/expected" 2>"$out/step.log" || die "sqlite3 itself fails: $(cat "$out/step.log")"
export HAKMEM_STATS=1 HAKMEM_LOG_FILE="$PWD/$out/sqlite3.stats"
record sqlite3 sqlite3 :memory:
unset HAKMEM_STATS HAKMEM_LOG_FILE
cmp -s "$out/expected" "$out/sqlite3.out" || die "sqlite3 printed something else under hakmem: compare $out/expected with $out/sqlite3.out"
counts=$(awk '$1 == "class" && !column { for (i = 1; i <= NF; i++) if ($i == "allocs") column = i; next }
  column && NF <= column { exit }
  column { allocs += $column; frees += $(column + 1) }
  END { print allocs " allocs, " frees " frees" }' "$out/sqlite3.stats")
shows "It printed what it prints without hakmem."
shows "(HAKMEM_STATS=1 of the same run, written just before the end: $counts; all of it in $out/sqlite3.stats)"
shows "The first screen of the report says where the memory is, what the slow paths took, and what to change:"
report sqlite3
first_screen sqlite3
step "writing the page" "$hakmem" page "$out/sqlite3" -o "$out/sqlite3.html"
shows "The same to look at, in a browser, without a network: $PWD/$out/sqlite3.html"

title "4. The same with HAKMEM_SS_LIMIT=2: two SuperSlabs must do"
export HAKMEM_SS_LIMIT=2 HAKMEM_LOG=ss HAKMEM_LOG_FILE="$PWD/$out/limited.log"
record limited sqlite3 :memory:
unset HAKMEM_SS_LIMIT HAKMEM_LOG HAKMEM_LOG_FILE
cmp -s "$out/expected" "$out/limited.out" || die "sqlite3 printed something else: compare $out/expected with $out/limited.out"
expect "the shared pool refused nothing" 'shared_fail→legacy' "$out/limited.log"
shows "The shared pool may have no third SuperSlab, says why, and the legacy path serves instead. From its log:"
sed 's/^/    | /' "$out/limited.log" | head -n 4
shows "| (such a line for each of $(grep -c 'shared_fail→legacy' "$out/limited.log") refusals)"
report limited
first_screen limited
shows "The report has the stages of each refill up to the legacy path, and how long they took:"
expect "the report has no shared_fail" '^shared_fails: [1-9]' "$out/limited.txt"
section limited 'Stages of a refill' 8
shows "What hakmem explain makes of it: why, who asked, what it cost, and what to change:"
finding limited 'The shared pool refused'

title "5. A C program that writes the NUL of a string one byte too far (tools/demo/off_by_one.c)"
record off_by_one build/bin/off_by_one
expect "no overwritten header was found" 'TLS_SLL_HDR_RESET.*got=0x00' "$out/off_by_one.err"
shows "The byte before a block is its witness. It was found overwritten by a NUL, was put right, and the program went on:"
grep 'TLS_SLL_HDR_RESET' "$out/off_by_one.err" | sed 's/^/    | /' | head -n 4
report off_by_one
first_screen off_by_one
shows "The report has the stack of the free that found it:"
expect "the report has no stack into the program" forget_names "$out/off_by_one.txt"
section off_by_one 'Header resets' 10

title "Done in $(($(date +%s) - started)) s"
shows "Recordings:  $out/sqlite3  $out/limited  $out/off_by_one   (hakmem report reads them; so do babeltrace2 and Trace Compass)"
shows "Reports:     $out/sqlite3.txt  $out/limited.txt  $out/off_by_one.txt"
shows "The page:    $out/sqlite3.html   (open it in a browser; hakmem page DIR -o FILE.html makes it)"
shows "Your turn:   $hakmem record -o DIR -- PROGRAM ARGUMENT...   then   $hakmem report DIR   and   $hakmem explain DIR"

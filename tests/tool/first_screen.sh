# The first screen of hakmem report: at most 24 lines of 80 columns, whatever the data, and its figures.
. "$(dirname "$0")/common.sh"
unset COLUMNS
program stats_file
./stats_file known.stats || fail "stats_file"

# screen FILE...: the first screen of a report, in ./screen. An empty line and the full report's head end it.
screen() {
  "$hakmem" report "$@" >text 2>err || fail "report $*: $(cat err)"
  awk 'seen && /^hakmem report: / { exit } /^hakmem report: / { seen = 1 } { print }' text | sed '$d' >screen
  [ "$(wc -l <screen)" -le 24 ] || { cat screen; fail "the first screen has more than 24 lines"; }
  [ "$(wc -L <screen)" -le 80 ] || { cat screen; fail "the first screen has more than 80 columns"; }
  plain screen
}

has() { tr -s ' ' <screen | grep -qF -- "$1" || { cat screen; fail "the first screen does not say '$1'"; }; }
screen known.stats
has " synthetic (process 4711) ran for 2.00 ms"
has "Memory: 156 KiB resident at the end, 195 KiB at most"
has "not hakmem's 97.7 KiB 59.0 %" # of all parts together, 9.34 KiB of which are not resident
has "drain 0.5 %: p50 1.00 µs"
has "Errors of the program: 1; refusals of the shared pool: 2"
has "1. "
has " -> "
# The finding that ranks first is explain's first.
first=$("$hakmem" explain known.stats | sed -n 's/^1\. //p' | cut -c 1-40)
has "1. $first"

# No part is more than the whole, whatever is not resident of them.
for untouched in 0 9568 60000 1000000; do
  ./stats_file absent.stats rss=20000 untouched=$untouched || fail "stats_file"
  screen absent.stats
  sed -n '/^Memory/,/not hakmem/p' screen | awk '/ %/ { for (i = 2; i <= NF; i++) if ($i == "%" && ($(i - 1) < 0 || $(i - 1) > 100)) exit 1 }' ||
    { cat screen; fail "a part of more than 100 %, or less than 0 %"; }
done
./stats_file absent.stats rss=20000 untouched=60000 || fail "stats_file"
screen absent.stats
has "not touched yet 58.6 KiB 75.0 % of these, not resident"

# A name that is long, or would drive a terminal.
./stats_file long.stats program="$(printf 'x%.0s' $(seq 1 200))" || fail "stats_file"
screen long.stats
./stats_file hostile.stats program="$(printf 'a\033]0;b\007\\c')" || fail "stats_file"
screen hostile.stats
mkdir many
for pid in $(seq 1 30); do ./stats_file "many/$pid.stats" "pid=$pid" || fail "stats_file"; done
screen many
has "; 29 more processes"

# The most that was resident, also if no snapshot saw it: the kernel counts it. Not what a process had before it called exec.
cat >brief.c <<'END_OF_PROGRAM'
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
  void *volatile own = malloc(100);
  const size_t size = 96 << 20;
  void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (argc < 3) memset(map, 1, size);
  free(own);
  if (argc == 2) execl(argv[0], argv[0], "then", "rests", NULL);
  if (argc == 1) munmap(map, size);
  return 0;
}
END_OF_PROGRAM
cc -O1 -fno-builtin -o brief brief.c || fail "brief.c does not compile"
"$hakmem" run -O STATS_INTERVAL=0 -o brief.run -- ./brief 2>err || fail "$(cat err)"
"$hakmem" report --json brief.run | jq -e '.stats.processes[0].rss_max > 96 * 1048576' >out || fail "96 MiB that were resident between two snapshots are not seen"
"$hakmem" run -O STATS_INTERVAL=0 -o after.run -- ./brief first 2>err || fail "$(cat err)"
"$hakmem" report --json after.run | jq -e '.stats.processes[-1] | .rss_max < 32 * 1048576' >out || fail "what was resident before exec counts for the program after it"

# A huge block of which the program wrote to a part: what is not resident of it is neither resident memory nor taken from what is not hakmem's.
cat >partly.c <<'END_OF_PROGRAM'
#include <stdlib.h>
#include <string.h>
int main(void) { return *(char *)memset(malloc(200 << 20), 0, 5 << 20); }
END_OF_PROGRAM
cc -O1 -fno-builtin -o partly partly.c || fail "partly.c does not compile"
"$hakmem" run -o partly.run -- ./partly 2>err || fail "$(cat err)"
screen partly.run
has "live blocks 200 MiB"
tr -s ' ' <screen | grep -q "not resident 19[0-9] MiB .*of these$" || { cat screen; fail "the part of a huge block that was not written to is not said to be absent"; }
"$hakmem" report --json partly.run | jq -e '.stats.processes[0].memory | .rss_files > 0 and .residual < 0' >out || fail "the case is not what the test is about"
tr -s ' ' <screen | grep -q "not hakmem's [1-9]" || { cat screen; fail "the code of the program is not resident"; }
tr '\n' ' ' <text | tr -s ' ' | grep -q "(at least 19[0-9] MiB count as touched and are not resident, [^)]*: [0-9.]* [KM]iB are pages of files" ||
  { grep -A 2 'RSS ' text; fail "the section memory does not say what is not resident"; }

# A server whose main process rests: the one that works is shown, by the name by which the program was started, though a title was written over it.
cat >titled.c <<'END_OF_PROGRAM'
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
  void *volatile own = memset(malloc(2000000), argc, 2000000);
  memset(argv[0], '/', strlen(argv[0]) / 2);
  if (fork() == 0) {
    for (int i = 0; i < 100000; i++) free(memset(malloc(100), 1, 100));
    exit(0);
  }
  free(own);
  return wait(NULL) < 0;
}
END_OF_PROGRAM
cc -O1 -fno-builtin -o titled titled.c || fail "titled.c does not compile"
"$hakmem" run -o titled.run -- ./titled 2>err || fail "$(cat err)"
screen titled.run
child=$("$hakmem" report --json titled.run | jq '.stats.processes[] | select(.allocs >= 100000) | .pid')
has " titled (process $child) ran for"
has "; 1 more process"
has "Memory of this process: "
has "Calls of all processes: share of their time"

# A line of calls that is too long loses the p99, never the longest call.
cat >grows.c <<'END_OF_PROGRAM'
#include <stdlib.h>
#include <string.h>
int main(void) {
  char *buffer = NULL;
  for (size_t mb = 1; mb <= 60; mb++) {
    buffer = realloc(buffer, mb << 20);
    memset(buffer, 1, mb << 20);
  }
  free(buffer);
  return 0;
}
END_OF_PROGRAM
cc -O1 -fno-builtin -o grows grows.c || fail "grows.c does not compile"
"$hakmem" run -o grows.run -- ./grows 2>err || fail "$(cat err)"
for columns in 70 100; do
  COLUMNS=$columns "$hakmem" report --summary grows.run >screen || fail "report"
  grep -q '^  realloc .*: p50 .*, p99\.9 .*, max [0-9.]* [^ ]*s$' screen || { cat screen; fail "the longest realloc is not on a screen of $columns columns"; }
done
for run in grows.run titled.run; do
  COLUMNS=60 "$hakmem" report --summary $run >screen || fail "report"
  grep -E '^  (malloc|free|realloc) ' screen | grep -v 'max [0-9.]* [^ ]*s$' && { cat screen; fail "a longest call is not on a screen of 60 columns"; }
done
COLUMNS=100 "$hakmem" report --summary grows.run >screen || fail "report"
grep -q '^  realloc .*, p99 ' screen || { cat screen; fail "a wide screen has no p99"; }

# Colour is for terminals.
grep -q "$(printf '\033')" text && fail "colour in a pipe"

# --summary is that screen alone; --section one of the sections behind it.
screen known.stats
"$hakmem" report --summary known.stats >summary || fail "--summary"
cmp -s screen summary || { diff screen summary; fail "--summary is not the first screen"; }
for section in $(COLUMNS=1000 "$hakmem" report --section=help | awk '{ print $1 }'); do
  "$hakmem" report --section="$section" known.stats >section 2>err || fail "--section=$section: $(cat err)"
  sed 1d section >body
  while read -r line; do grep -qF -- "$line" text || fail "--section=$section prints a line that the report does not have: $line"; done <body
done
"$hakmem" report --section=memory known.stats | grep -q '^Where the memory is' || fail "--section=memory"
"$hakmem" report --section=memory known.stats | grep -q '^Processes' && fail "--section=memory prints the processes"
fails 2 "there is no such section" "$hakmem" report --section=nothing known.stats
exit 0

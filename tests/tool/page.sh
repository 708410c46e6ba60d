#!/bin/sh
# hakmem page, in Chromium: no message of the console, every figure equals `report --json`, keys and clicks, the layout, hostile names.
. "$(dirname "$0")/common.sh"
for tool in chromium node; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done

program page
evil="</script><img src=x onerror=document.title='owned'>"
mkdir -p "$(dirname "$evil")" && mv page "$evil" || fail "cannot name a program like that"
export HAKMEM_PROFILE=64K HAKMEM_LEAKS=1
for run in a b; do "$hakmem" run -o $run -- "$place/$evil" >$run.out 2>$run.err; done
unset HAKMEM_PROFILE HAKMEM_LEAKS

# Usage, and what cannot be read or written.
fails 2 "there is nothing to show" "$hakmem" page -o x.html
fails 2 "say where the page goes" "$hakmem" page a
fails 2 "these are 3" "$hakmem" page a b a -o x.html
fails 1 "nowhere" "$hakmem" page nowhere -o x.html
[ ! -e x.html ] || fail "a page was written of nothing"
fails 1 "cannot write no/x.html" "$hakmem" page a -o no/x.html

"$hakmem" page a -o a.html 2>err || { cat err; [ "$(grep -c 'built without D3' err)" -eq 0 ] || skip "built without D3"; fail "no page of one run"; }
"$hakmem" page a b -o ab.html 2>err || { cat err; fail "no page of two runs"; }
cat >pauses.c <<'END'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *kept[200000];
int main(void) {
  for (int i = 0; i < 200000; i++) kept[i] = memset(malloc(200), 1, 200);
  for (int i = 0; i < 200000; i++) if (i % 10 != 0) free(kept[i]);
  return (int)sleep(2);
}
END
cc -O1 -fno-builtin -o pauses pauses.c && "$hakmem" run -o pauses.run -- ./pauses 2>err && "$hakmem" page pauses.run -o pauses.html 2>err || fail "no page of a process that rests"
cat >partly.c <<'END'
#include <stdlib.h>
#include <string.h>
int main(void) { return *(char *)memset(malloc(200 << 20), 0, 5 << 20); }
END
cc -O1 -fno-builtin -o partly partly.c && "$hakmem" run -o partly.run -- ./partly 2>err && "$hakmem" page partly.run -o partly.html 2>err || fail "no page of a block that is partly resident"
for run in a b; do
  for pid in $("$hakmem" report --json $run | jq '.stats.processes[].pid'); do "$hakmem" report --json --pid=$pid $run | jq "{\"$pid\": (.stats | del(.processes))}"; done | jq -s add >$run.own.json
  "$hakmem" report --json --section=slabs $run >$run.report.json && "$hakmem" explain --json $run >$run.explain.json || fail "no JSON of $run"
done
"$hakmem" diff --json a b >diff.json || fail "no JSON of the difference"
[ "$(grep -c '<script' a.html)" -eq 3 ] || fail "a name became a script element"

node "$SOURCE_DIR/tests/tool/page.mjs" "$place" || fail "the page in Chromium"

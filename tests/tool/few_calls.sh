# A process that makes a few calls for huge blocks takes no snapshot. How long it has rested is counted from the last of its longest calls. A copy of its file, made while it
# rests, is called a copy: its figures are not those of an end.
. "$(dirname "$0")/common.sh"
cat >shrinks.c <<'END_OF_PROGRAM'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  char *buffer = NULL;
  for (size_t mb = 64; mb <= 256; mb += 64) buffer = memset(realloc(buffer, mb << 20), 1, mb << 20);
  usleep(1500000);
  buffer = realloc(buffer, 4 << 20);
  if (buffer == NULL || write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  return (int)sleep(30);
}
END_OF_PROGRAM
cc -O1 -fno-builtin -o shrinks shrinks.c || fail "shrinks.c does not compile"
"$hakmem" run -o data -- ./shrinks >out 2>err &
for try in $(seq 200); do grep -q ready out && break; sleep 0.05; done
sleep 1.2
pid=$(basename data/*.stats .stats)
"$hakmem" explain --json "$pid" >json 2>err || fail "$(cat err)"
"$hakmem" dump --wait 100ms -o copied.stats "$pid" >dumped 2>err || fail "dump: $(cat err)"
kill "$pid"
jq -r '.findings[] | select(.rule == "kept_huge") | .evidence[]' json >text
rested=$(sed -n 's/^for \([0-9.]*\) s, the process made few calls or none.*/\1/p' text)
time_s=$(jq '.time_ns / 1e9' json)
[ -n "$rested" ] || { cat text; fail "does not say how long it has rested"; }
echo "$rested $time_s" | awk '{ exit !($1 >= 1.1 && $1 <= $2 - 1.4) }' || fail "a call was made 1.5 s after the start; but it is said to rest for $rested s of $time_s s"

"$hakmem" report --summary copied.stats >text 2>err || fail "$(cat err)"
grep -q "^Memory: .* resident when its file was copied, " text || { cat text; fail "does not say of which moment the memory of a copy is"; }
"$hakmem" explain copied.stats >>text 2>err || fail "$(cat err)"
grep -q "kept in mappings of freed huge blocks when its file was copied" text || { cat text; fail "does not say of which moment the finding is"; }
grep -q "at the end" text && { cat text; fail "calls a figure of a copy one of the end"; }
exit 0

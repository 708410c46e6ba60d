# hak_set, hak_snapshot and hak_profile_dump of hakmem.h do what it says, also while four threads allocate; the example of them runs.
. "$(dirname "$0")/common.sh"
lib=$BUILD_DIR/lib
cc -std=gnu11 -O1 -g -fno-builtin -Wall -Wextra -D_GNU_SOURCE -pthread -I"$SOURCE_DIR/src/names" -o hak_set "$SOURCE_DIR/tests/tool/hak_set.c" -L"$lib" -lhakmem -Wl,-rpath,"$lib" ||
  fail "hak_set.c does not compile"
timeout 120 ./hak_set 2>err || fail "exit code $?: $(cat err)"
[ -s err ] && fail "$(cat err)"
equal "live blocks of the profile" 1 "$("$hakmem" report --json own.stats | jq '[.stats.processes[0].profile.last.sites[] | select(.stack[]?.function == "main") | .blocks] | add | . >= 100 and . <= 110 | if . then 1 else 0 end')"
longest=$("$hakmem" report --json own.stats | jq '[.stats.processes[0].longest_calls[].ns] | max')
[ "$longest" -lt 1000000000 ] || fail "the second for which the program slept after hak_set became a call of $longest ns"
equal "the last table, after the profile was off" '[100]' "$("$hakmem" report --json after.stats | jq -c '[.stats.processes[0].profile.last.sites[] | select(.stack[]?.function == "main") | .blocks + 0]')" # jq 1.7 prints 100.0 as it reads it
HAKMEM_STATS_FILE=file.stats ./hak_set 2>err && fail "the files of the first run were replaced"
grep -q "hak_profile_dump: EEXIST instead of 0" err || fail "$(cat err)"

"$BUILD_DIR/bin/profile_part" table.stats || fail "profile_part"
"$hakmem" report --section=sites table.stats >out 2>err || fail "$(cat err)"
grep -q "make_entry at .*profile_part.c" out || fail "the example's profile has no make_entry: $(cat out)"
"$hakmem" report --json table.stats | jq '[.stats.processes[0].profile.last.sites[] | select([.stack[]?.function] | index("make_entry")) | .blocks] | add | floor' >out
[ "$(cat out)" -gt 15000 ] && [ "$(cat out)" -lt 25000 ] || fail "20000 entries are estimated as $(cat out)"
exit 0

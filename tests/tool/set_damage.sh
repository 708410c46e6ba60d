# Whatever another program writes where the requests lie, or cuts off the statistics file, the process goes on, its blocks keep their content, and it
# can be set afterwards. A file that its process is writing, for however long, is no damage.
. "$(dirname "$0")/common.sh"
program toggled
program damages
"$hakmem" run -o data -- ./toggled 3 >out 2>err &
runner=$!
for try in $(seq 200); do grep -q ready out && break; sleep 0.05; done
pid=$(basename data/*.stats .stats)
./damages "data/$pid.stats" "${TEST_SEED:-29}" 300 || fail "damages"
kill -0 "$pid" || fail "the process has ended: $(cat err)"
for try in 1 2 3 4 5; do # the first ones may find counts that the process has yet to repair
  "$hakmem" set "$pid" PROFILE=32K GUARD=0 LOG= STATS_INTERVAL=100 >set.out 2>set.err && break
  sleep 0.3
done
grep -q '^PROFILE=32768 ' set.out || fail "it cannot be set any more: $(cat set.out set.err)"
kill -TERM "$pid"
wait $runner
equal "exit code" 0 $?
"$hakmem" report --json data | jq -e '.stats.processes[0].incidents == []' >out || fail "the damage caused incidents"

program liar
program stats_file
./stats_file written.stats publication=7 && truncate -r "data/$pid.stats" written.stats || fail "stats_file"
./liar written.stats 1 >liar.out &
liar=$!
for try in $(seq 200); do grep -q ready liar.out && break; sleep 0.05; done
"$hakmem" set --wait 100ms $liar PROFILE=4K >out 2>err
code=$?
kill $liar
equal "exit code for a process that writes its file: $(cat err)" 3 $code
exit 0

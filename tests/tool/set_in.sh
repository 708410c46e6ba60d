# Settings change in places where that is dangerous (set_in.c): the program goes on, does what it was asked, and ends as it would have.
. "$(dirname "$0")/common.sh"
cc -rdynamic -std=gnu11 -O1 -g -fno-builtin -D_GNU_SOURCE -pthread -o set_in "$SOURCE_DIR/tests/tool/set_in.c" || fail "set_in.c does not compile"
echo 'int one(void); int one(void) { return 1; }' >one.c
cc -shared -fPIC -o one1.so one.c || fail "one.c does not compile"
for i in $(seq 2 40); do cp one1.so "one$i.so"; done
cat >waits.c <<'SOURCE'
#include <unistd.h>
extern int constructor_waits;
__attribute__((constructor)) static void wait(void) {
  __atomic_store_n(&constructor_waits, 2, __ATOMIC_RELEASE);
  while (__atomic_load_n(&constructor_waits, __ATOMIC_ACQUIRE) != 0) usleep(1000);
}
SOURCE
cc -shared -fPIC -o waits.so waits.c || fail "waits.c does not compile"

# changes WHERE NAME=VALUE...: the settings, one after the other, in a program of its own.
changes() {
  where=$1
  shift
  rm -rf data out
  "$hakmem" run -o data -- ./set_in "$where" >out 2>err &
  runner=$!
  for try in $(seq 200); do grep -qs ready out && break; sleep 0.05; done
  pid=$(basename data/*.stats .stats)
  sleep 0.1
  for setting in "$@"; do "$hakmem" set --wait 20s "$pid" "$setting" >set.out 2>set.err || fail "$where, $setting: $(cat set.err err)"; done
  "$hakmem" trim --wait 20s "$pid" >set.out 2>set.err || fail "$where, trim: $(cat set.err err)"
  sleep 0.1
  kill -TERM "$pid" || fail "$where, $*: the program has ended: $(cat err)"
  wait $runner
  equal "exit code, $where, $*" 0 $?
}

for where in loader fiber constructor handler; do
  changes $where PROFILE=1 GUARD=1
  changes $where GUARD=1 PROFILE=64 GUARD=0
  changes $where GUARD=50 LOG=ss STATS_INTERVAL=10 PROFILE=4K GUARD=1 PROFILE=0 LOG=
done
exit 0

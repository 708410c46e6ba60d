# Blocks of C++ containers belong to the function of the program that fills the container: growth, explain and the watch of a running process name it, in
# 80 columns too, and not the C++ library's functions inside of it.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "g++ is not installed"
cat >keeper.cc <<'END'
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>
struct session { std::string name; std::map<int, std::string> seen; };
static std::vector<session *> sessions;
__attribute__((noinline)) static void keep_session(int i) {
  session *const s = new session;
  s->name = std::string(300, 'x');
  s->seen[i] = std::string(200, 'y');
  sessions.push_back(s);
}
int main(int argc, char **argv) {
  const int count = std::atoi(argv[1]);
  for (int i = 0; i < count; i++) keep_session(i);
  if (argc < 3) return 0;
  std::puts("ready");
  std::fflush(stdout);
  for (int i = 0; i < 2000; i++) {
    for (int k = 0; k < 20; k++) keep_session(i);
    usleep(10000);
  }
}
END
g++ -std=c++17 -O1 -g -o keeper keeper.cc || fail "keeper.cc does not compile"
cat >holder.cc <<'END'
#include <string>
#include <unistd.h>
#include <vector>
struct session { std::string name; std::vector<char> buffer; std::vector<int> marks; };
static std::vector<session *> sessions;
__attribute__((noinline)) static void keep_session() { sessions.push_back(new session{std::string(2000, 'x'), std::vector<char>(2000), std::vector<int>(500)}); }
int main() {
  for (int i = 0; i < 20000; i++) keep_session();
  for (int i = 0; i < 20000; i++) if (i % 20 != 0) delete sessions[i];
  sleep(1);
}
END
g++ -std=c++17 -O1 -g -o holder holder.cc || fail "holder.cc does not compile"
for count in 500 3000; do
  "$hakmem" run -o "of$count" -O PROFILE=512 -- ./keeper $count >out 2>err || fail "$(cat err)"
done
COLUMNS=80 "$hakmem" report --since of500 of3000 >growth || fail "no growth"
head -n 5 growth | grep -q 'keep_session at keeper.cc' || { cat growth; fail "the growth does not name keep_session"; }
! grep -q 'B .* std::' growth || { cat growth; fail "the growth names functions of the C++ library"; }
"$hakmem" report --json --since of500 of3000 >json || fail "no growth as JSON"
jq -e '.growth.sites[0].place | test("^keeper.cc")' json >/dev/null || fail "the place is $(jq '.growth.sites[0].place' json)"
# explain names a place of the program once, though a session's parts come from several functions of the C++ library.
"$hakmem" run -o kept -O PROFILE=512 -O STATS_INTERVAL=20 -- ./holder 2>err || fail "$(cat err)"
"$hakmem" explain --json kept | jq -r '.findings[] | select(.rule == "partial_slabs") | .evidence[] | select(test("allocated by "))' >places
equal "places that hold slabs" 1 "$(grep -c 'allocated by keep_session at holder.cc' places)"
"$hakmem" report --folded of3000 | grep -q ';keep_session;std::' || fail "the collapsed stacks have not all functions"

"$hakmem" run -o runs -O PROFILE=512 -- ./keeper 500 on >out 2>err &
for try in $(seq 200); do grep -q ready out && break; sleep 0.05; done
pid=$(basename runs/*.stats .stats)
COLUMNS=80 "$hakmem" diff --every 300ms --count 2 "$pid" >watch 2>err || fail "$(cat err)"
kill "$pid"
grep -q 'keep_session at keeper.cc' watch || { cat watch; fail "the watch does not name keep_session"; }
! grep -q 'B .* std::' watch || { cat watch; fail "the watch names functions of the C++ library"; }
exit 0

# A real case: a Python service whose cache grows with each request. The finding is growth, and it names the call sites in the interpreter that allocate what stays;
# with the cache bounded, there is no such finding.
. "$(dirname "$0")/common.sh"
python=/usr/bin/python3
[ -x $python ] || skip "python3 is not installed"
cat >service.py <<'END'
import sys, time
bound = int(sys.argv[1])
cache = {}
def answer(request):
    parts = [str(request * k) * 3 for k in range(60)]       # needed for this answer alone
    cache["answer to %d" % request] = ",".join(parts) * 4   # and this is kept
    if len(cache) > bound:
        cache.pop(next(iter(cache)))
    return sum(len(part.upper() + part) for part in parts)  # needed for a moment
start = time.monotonic()
for request in range(12000):
    answer(request)
    if request % 100 == 0:                                  # by the clock: who loses the processor for a while catches up
        time.sleep(max(0, start + request / 100 * 0.025 - time.monotonic()))
for step in range(5 * int(sys.argv[2])):                    # frees the cache, and takes some time for it
    for key in list(cache)[: 12000 // 5]:
        del cache[key]
    time.sleep(0.1)
END
run() {
  PYTHONMALLOC=malloc "$hakmem" run -O PROFILE=128K -O STATS_INTERVAL=50 -o "$1" -- $python service.py "$2" "${3:-0}" >out 2>err || { cat err; fail "cannot run"; }
  "$hakmem" explain --json "$1" >"$1.json" || fail "cannot explain"
}
growth() { jq -r "[.findings[] | select(.rule == \"growth\")] | $2" "$1.json"; }
run grows 1000000
[ "$(growth grows length)" -eq 1 ] || { "$hakmem" explain grows; fail "no growth is found"; }
growth grows '.[0].evidence[]' | grep -q ' blocks were allocated by .*python' || { growth grows .; fail "no site in the interpreter is named"; }
growth grows '.[0].remedies[0].what' | grep -q 'bound the cache' || fail "the advice is $(growth grows '.[0].remedies[0].what')"
run bounded 200
equal "findings of growth with a bounded cache" 0 "$(growth bounded length)"

# A process that frees all before it ends, as an interpreter does, had grown none the less.
run frees 1000000 1
equal "findings of growth if all is freed at the end" 1 "$(growth frees length)"

# Without a profile, the finding says how to get the sites.
PYTHONMALLOC=malloc "$hakmem" run -O STATS_INTERVAL=50 -o plain -- $python service.py 1000000 0 >out 2>err || fail "cannot run"
"$hakmem" explain --json plain >plain.json || fail "cannot explain"
growth plain '.[0].remedies[].what' | grep -q 'hakmem run -O PROFILE=512K -o DIR -- .*python3 ARGUMENTS' || { growth plain .; fail "does not say how to get the sites"; }
exit 0

#!/bin/sh
# python3 with a large heap: 200,000 objects with names and lists, of which nine in ten are replaced, then dropped at random; then it rests.
. "$(dirname "$0")/common.sh"
find_python

cat >work.py <<'END'
import gc, random, sys, time

class Session:
    def __init__(self, number):
        self.number = number
        self.name = f"session-{number:09d}"
        self.items = [number * k % 9973 for k in range(number % 12)]
        self.text = "x" * (number * 31 % 300)

random.seed(29)
count = 200000
sessions = {number: Session(number) for number in range(count)}
for number in random.sample(range(count), count // 2):
    sessions[number] = Session(number + count)
total = sum(len(s.items) + len(s.text) for s in sessions.values())
by_size = {}
for session in sessions.values():
    by_size.setdefault(len(session.text), []).append(session)
for number in random.sample(range(count), count * 9 // 10):
    del sessions[number]
del by_size, session
gc.collect()
print(total, len(sessions), sum(s.number for s in sessions.values()))
sys.stdout.flush()
open(sys.argv[1], "w").close()
time.sleep(3)
END
measured_with_rest "$python" -s work.py "$place/worked" >out 2>err || { cat err >&2; fail "python3 failed"; }
same_sum 2391491680 out
report 1

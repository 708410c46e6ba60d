#!/bin/sh
# Traces of several processes, each read by a worker: the report does not depend on their number; a worker that crashes takes nothing from the others; an
# interrupt ends the reading, and the report has what was read; progress with a rate; memory does not grow with the trace.
# timeout: 600
. "$(dirname "$0")/common.sh"
command -v pkg-config >/dev/null && pkg-config babeltrace2 || skip "libbabeltrace2-dev is not installed"
mkdir plugins
# shellcheck disable=SC2046 # a list of options
cc -std=gnu11 -O1 -shared -fPIC -o plugins/babeltrace-plugin-ctf.so "$SOURCE_DIR/tests/tool/broken_ctf.c" $(pkg-config --cflags --libs babeltrace2) ||
  fail "broken_ctf.c does not compile"
export BABELTRACE_PLUGIN_PATH="$place/plugins" BROKEN_CTF=crash

# trace DIR PID: metadata that name the process.
trace() {
  mkdir -p "$1"
  printf '/* CTF 1.8 */\nenv {\n\tvpid = %s;\n};\n' "$2" >"$1/metadata"
}

# ---- The number of workers makes no difference ----
for pid in 11 12 13 14; do trace "four/sound-$pid" $pid; done
BROKEN_EVENTS=20000 "$hakmem" report -j 1 --json four >one 2>err || { cat err; fail "one worker"; }
equal "events" 80000 "$(jq .trace.events one)"
equal "processes" '[11,12,13,14]' "$(jq -c '[.trace.processes[].pid] | sort' one)"
for jobs in 2 4 100; do
  BROKEN_EVENTS=20000 "$hakmem" report -j $jobs --json four >other || fail "$jobs workers"
  cmp one other || fail "$jobs workers report something else than one"
done
equal "one process" '[[12],20000]' "$(BROKEN_EVENTS=20000 "$hakmem" report -j 2 --pid 12 --json four | jq -c '[[.trace.processes[].pid], .trace.events]')"
fails 2 "not a number from 1 to 256" "$hakmem" report -j 0 four

# ---- One crashes: one line, and the others' events are there ----
trace four/broken-15 15
for jobs in 1 4; do
  "$hakmem" report -j $jobs --json four >json 2>err
  equal "the exit code with a worker that crashed" 1 $?
  [ "$(wc -l <err)" -eq 1 ] && grep -q "four/broken-15 could not be read to the end: libbabeltrace2 failed on it (Segmentation fault)" err || { cat err; fail "not one line"; }
  equal "processes with all events" 4 "$(jq '[.trace.processes[] | select(.counters.thread_start == 100)] | length' json)"
  part=$(jq '.trace.processes[] | select(.pid == 15) | .counters.thread_start' json)
  [ "$part" -ge 80 ] && [ "$part" -le 100 ] || fail "$part events of the trace that crashed"
  equal "losses" 1 "$(jq .trace.lost.unread json)"
done

# ---- An interrupt ---- (env -S: a shell starts background jobs with SIGINT ignored)
trace slow/endless-16 16
cat >interrupted.py <<'P'
import fcntl, os, signal, subprocess, sys, termios, time
signal.signal(signal.SIGINT, signal.default_int_handler)
terminal, slave = os.openpty()  # a key reaches every process of the group, once
with open("out", "w") as out, open("err", "w") as err:
    child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=out, stderr=err, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    def members():
        return int(subprocess.run(["pgrep", "-c", "-g", str(child.pid)], capture_output=True, text=True).stdout or 0)
    for _ in range(300):  # the command, its child that reports, and a worker: from then on it takes interrupts
        if members() >= 3 or child.poll() is not None:
            break
        time.sleep(0.1)
    time.sleep(2)
    os.write(terminal, b"\x03")
    try:
        code = child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        code = 99
    sys.exit(code & 255)
P
BROKEN_CTF=slow python3 interrupted.py "$hakmem" report -j 2 --json slow
equal "the exit code of an interrupted report" 1 $?
grep -q "^hakmem: interrupted: the report has the [1-9][0-9]* events that were read until then$" err || { cat err; fail "does not say that it was interrupted"; }
equal "lines" 1 "$(wc -l <err)"
[ "$(jq .trace.events out)" -gt 10 ] || fail "an interrupted report has nothing"
trace brief/sound-17 17
for command in explain "export --openmetrics" "page --force -o page.html"; do
  "$hakmem" page --force -o page.html brief 2>&1 | grep -q "without D3" && [ "${command%% *}" = page ] && continue
  # shellcheck disable=SC2086 # words
  BROKEN_EVENTS=1 BROKEN_CTF=slow python3 interrupted.py "$hakmem" $command slow
  code=$?
  [ $code -le 1 ] && grep -q "^hakmem: interrupted: the report has the [1-9][0-9]* events that were read until then$" err ||
    { cat err; fail "$command, interrupted: exit code $code"; }
done

# A part of a trace is not compared with a whole: an interrupt ends the command.
for command in "diff slow slow" "check slow"; do
  # shellcheck disable=SC2086 # words
  BROKEN_CTF=slow python3 interrupted.py "$hakmem" $command
  equal "the exit code of $command, interrupted by a signal" 254 $?
done

# kill(1) interrupts one process of the command only: the one that waits for the reader hands it on.
cat >killed.py <<'P'
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
with open("err", "w") as err:
    child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=err, start_new_session=True)
    time.sleep(4)
    os.kill(child.pid, signal.SIGINT) if sys.argv[1] == "one" else os.killpg(child.pid, signal.SIGINT)
    sys.exit(child.wait(30) & 255)
P
for whom in one group; do
  BROKEN_CTF=slow python3 killed.py $whom "$hakmem" report slow
  equal "the exit code of a report that kill interrupted ($whom)" 1 $?
  grep -q "^hakmem: interrupted: the report has the [1-9][0-9]* events that were read until then$" err || { cat err; fail "killed: does not say that it was interrupted"; }
done

# In other phases it ends the program, as usual: here in the midst of the output, into a pipe that is full.
cat >stuck.py <<'P'
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, pipesize=4096, start_new_session=True)
time.sleep(2)
assert child.poll() is None, "it did not wait for the reader of the pipe"
os.killpg(child.pid, signal.SIGINT)
sys.exit(0 if child.wait(30) == -signal.SIGINT else 1)
P
for command in "report --json" "export --openmetrics"; do
  # shellcheck disable=SC2086 # words
  BROKEN_EVENTS=50 python3 stuck.py "$hakmem" $command four 2>err || { cat err; fail "$command, interrupted while it prints"; }
done

# ---- Progress, on a terminal only ----
if command -v script >/dev/null; then
  BROKEN_CTF=slow timeout 5 script -qec "$hakmem report slow" /dev/null </dev/null >out 2>&1
  grep -q "reading the trace: [0-9]* events, [0-9]* a second" out || { cat -v out; fail "no progress with a rate"; }
  # The time left comes from the packets in the streams' indices, of which LTTng writes one for each: here one of two traces is read at once.
  for name in sound-21 endless-22; do
    trace "left/$name" "${name#*-}"
    mkdir "left/$name/index"
    { printf '\301\361\334\301\0\0\0\1\0\0\0\1\0\0\0\110'; head -c 216 /dev/zero; } >"left/$name/index/stream.idx"
    printf 'no index' >"left/$name/index/other.idx"
  done
  BROKEN_EVENTS=10 BROKEN_CTF=slow timeout 5 script -qec "$hakmem report left" /dev/null </dev/null >out 2>&1
  grep -q "reading the trace: [0-9]* events, [0-9]* a second, 50 %, [0-9]* s left" out || { cat -v out; fail "no progress with the time left"; }
fi

# ---- Memory: ten times the events, the same memory ----
most() { BROKEN_EVENTS=$1 python3 -c 'import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$hakmem" report -j 2 --json four; }
rm -r four/broken-15
few=$(most 20000) many=$(most 200000)
[ "$many" -le $((few + 1024)) ] || fail "$few KiB for 80000 events, $many KiB for 800000"
exit 0

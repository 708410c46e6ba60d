#!/usr/bin/env python3
"""What fleets cost, on this machine: the tables of the README beside this file, as Markdown. As root, because each host has namespaces of its own.

    measure.py host                  one host: idle, normal and full tracing
    measure.py relay [HOSTS...]      one relay for so many hosts (1 10 50), and the report and the merge of their data

Options: --hakmem FILE (build/bin/hakmem), --seconds N (8): how long each is measured, --rate N: allocations a second of the program.
"""
import argparse, glob, json, os, shutil, signal, socket, struct, subprocess, sys, tempfile, time

LOAD = r"""
/* load FILE RATE: allocates and frees RATE blocks a second, a hundredth of them every 10 ms, until FILE.end is there. FILE holds how many it did. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
static void *blocks[4096];
int main(int argc, char **argv) {
  char end[4096];
  unsigned state = 1;
  const int fd = argc == 3 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
  const long rate = argc == 3 ? atol(argv[2]) : 0;
  if (fd < 0 || ftruncate(fd, 16) != 0) return 2;
  volatile uint64_t *const told = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  snprintf(end, sizeof(end), "%s.end", argv[1]);
  told[1] = (uint64_t)getpid();
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long tick = 0; access(end, F_OK) != 0; tick++) {
    const long blocks_now = rate >= 100 ? rate / 100 : tick % 100 == 0;
    for (long i = 0; i < blocks_now; i++) {
      state = state * 1103515245u + 12345u;
      void **const place = &blocks[(state >> 8) % 4096];
      free(*place);
      *place = malloc(16 + (state >> 20) % 1000);
    }
    told[0] += (uint64_t)blocks_now;
    next.tv_nsec += 10000000;
    if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) != 0) {}
  }
  return 0;
}
"""

def read(path):
    try:
        with open(path) as f: return f.read()
    except OSError: return ""

def processor(pids):
    """Seconds of processor time of all threads."""
    return sum(int((read(f) or "0").split()[0]) for pid in pids for f in glob.glob(f"/proc/{pid}/task/*/schedstat")) / 1e9

def memory(pids):
    """MiB, what is shared counted once: Pss."""
    lines = [line for pid in pids for line in read(f"/proc/{pid}/smaps_rollup").splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) / 1024

def written(directory):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(directory) for name in names)

def wait_until(what, condition, seconds=120):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit: sys.exit(f"measure.py: {what}: not within {seconds} s")
        time.sleep(0.05)

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

class Relay:
    def __init__(self):
        self.ports = [free_port() for _ in range(3)]
        self.traces = os.path.join(place, "traces")
        shutil.rmtree(self.traces, ignore_errors=True)
        c, d, l = (f"tcp://127.0.0.1:{port}" for port in self.ports)
        self.process = subprocess.Popen(["lttng-relayd", "-C", c, "-D", d, "-L", l, "-o", self.traces], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("the relay", lambda: socket.socket().connect_ex(("127.0.0.1", self.ports[0])) == 0)
        self.to = f"net://127.0.0.1:{self.ports[0]}:{self.ports[1]}"
    def end(self):
        self.process.terminate()
        self.process.wait()

class Host:
    """A program under hakmem, with a name, daemons and a /run/lttng of its own."""
    def __init__(self, name, rate, command):
        self.file, self.run = os.path.join(place, name), os.path.join(place, name + ".run")
        for path in (self.file, self.file + ".end"):
            if os.path.exists(path): os.unlink(path)
        shutil.rmtree(self.run, ignore_errors=True)
        inside = 'mount -t tmpfs tmpfs /run/lttng && hostname "$0" && exec "$@"'
        full = ["unshare", "-m", "-u", "sh", "-c", inside, name, *command, "-o", self.run, "--", os.path.join(place, "load"), self.file, str(rate)]
        self.process = subprocess.Popen(full, stdout=subprocess.DEVNULL, stderr=open(self.file + ".said", "w"), env=dict(os.environ, LTTNG_HOME=place, HOME=place))
    def word(self, index):
        try:
            with open(self.file, "rb") as f: return struct.unpack("QQ", f.read(16))[index]
        except (OSError, struct.error): return 0
    def is_ready(self):
        if self.process.poll() is not None: sys.exit(f"measure.py: {self.file}: {read(self.file + '.said')}")
        return self.word(1) != 0
    def daemons(self):
        def is_own(pid):
            try: return os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink(f"/proc/{self.process.pid}/ns/mnt") and read(f"/proc/{pid}/comm").startswith("lttng-")
            except OSError: return False
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_own(pid)]
    def end(self):
        open(self.file + ".end", "w").close()
        left = self.daemons()
        self.process.wait()
        for pid in left:
            try: os.kill(pid, signal.SIGTERM)
            except OSError: pass

def measure(hosts, relay, seconds):
    """Of all hosts together: processor of programs, of daemons and of the relay, in percent of one; bytes and allocations a second."""
    wait_until("the programs", lambda: all(host.is_ready() for host in hosts))
    time.sleep(2)
    programs, daemons = [host.word(1) for host in hosts], [pid for host in hosts for pid in host.daemons()]
    relays = [relay.process.pid] if relay else []
    def now(): return [time.monotonic(), processor(programs), processor(daemons), processor(relays), written(relay.traces) if relay else 0, sum(h.word(0) for h in hosts)]
    before = now()
    time.sleep(seconds)
    spent = [b - a for a, b in zip(before, now())]
    figures = dict(zip(("program", "daemons", "relay", "bytes", "allocations"), [one / spent[0] for one in spent[1:]]))
    figures.update(memory=memory(daemons), relay_memory=memory(relays), descriptors=len(os.listdir(f"/proc/{relays[0]}/fd")) if relays else 0)
    return figures

def run(*command):
    """Seconds of processor time, and MiB of the largest process."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0: sys.exit(f"measure.py: {' '.join(command[:3])}: status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

def of_a_host(o):
    print("| a host, one program | allocations | program | daemons | their memory | to the relay |\n|---|---|---|---|---|---|")
    relay = Relay()
    to = [o.hakmem, "record", "--to", relay.to]
    rate = o.rate or 500000
    for name, command, per_second in (("no trace (`hakmem run`)", [o.hakmem, "run"], rate), ("idle", to, 1), ("normal", to, rate), ("`--full`", to + ["--full"], rate)):
        host = Host("host", per_second, command)
        f = measure([host], relay if command[1] == "record" else None, o.seconds)
        host.end()
        lost = "" if command[1] == "run" else lost_of(o, relay)
        print(f"| {name} | {f['allocations']:.3g} a second | {f['program'] * 100:.1f} % | {f['daemons'] * 100:.2f} % | {f['memory']:.1f} MiB | {f['bytes'] / 1e3:.1f} kB/s{lost} |", flush=True)
        shutil.rmtree(relay.traces, ignore_errors=True)
    relay.end()

def lost_of(o, relay):
    said = subprocess.run([o.hakmem, "report", "--json", relay.traces], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    lost = json.loads(said)["trace"]["lost"]["events_discarded"] if said else "unknown"
    return f", {lost} events lost" if lost else ""

def of_a_relay(o):
    print("| hosts | relay's processor | its memory | its descriptors | written | `hakmem report --by host`, for 1 MB | `hakmem merge` of the statistics |\n|---|---|---|---|---|---|---|")
    for count in o.hosts or [1, 10, 50]:
        relay = Relay()
        hosts = []
        for i in range(count):
            hosts.append(Host(f"host{i}", o.rate or 20000, [o.hakmem, "record", "--to", relay.to]))
            if i % 4 == 3: wait_until("the programs", hosts[-1].is_ready)
        f = measure(hosts, relay, o.seconds)
        for host in hosts: open(host.file + ".end", "w").close()
        for host in hosts: host.end()
        size = written(relay.traces)
        relay.end()
        cpu, most = run(o.hakmem, "report", "--by", "host", relay.traces)
        merge_cpu, merge_most = run(o.hakmem, "merge", "-o", os.path.join(place, "merged.stats"), *(host.run for host in hosts))
        print(f"| {count} | {f['relay'] * 100:.2f} % | {f['relay_memory']:.1f} MiB | {f['descriptors']} | {f['bytes'] / 1e6:.3g} MB/s | "
              f"{cpu / size * 1e9:.0f} ms, {most:.0f} MiB | {merge_cpu:.2f} s, {merge_most:.0f} MiB |", flush=True)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["host", "relay"])
    parser.add_argument("hosts", nargs="*", type=int)
    parser.add_argument("--hakmem", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../build/bin/hakmem"))
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rate", type=int)
    o = parser.parse_args()
    o.hakmem = os.path.abspath(o.hakmem)
    for tool in ("lttng-relayd", "lttng-sessiond", "unshare", "cc"):
        if shutil.which(tool) is None: sys.exit(f"measure.py: {tool} is not installed")
    if os.geteuid() != 0: sys.exit("measure.py: run it as root: each host needs namespaces of its own")
    if not os.environ.get("FLEET_MEASURED"): # a /run/lttng of its own
        os.makedirs("/run/lttng", exist_ok=True)
        os.environ["FLEET_MEASURED"] = "1"
        os.execvp("unshare", ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run/lttng && exec "$@"', "sh", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    global place
    with tempfile.TemporaryDirectory(prefix="hakmem-fleet.") as place:
        subprocess.run(["cc", "-O1", "-fno-builtin", "-D_GNU_SOURCE", "-x", "c", "-o", os.path.join(place, "load"), "-"], input=LOAD.encode(), check=True)
        of_a_host(o) if o.what == "host" else of_a_relay(o)

main()

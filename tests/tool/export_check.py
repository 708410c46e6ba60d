"""Holds the exports in a directory against the rules of their formats, and their totals against `hakmem report --json`.

export_check.py REPORT.json DIRECTORY: files named as the options of hakmem export are (folded, folded.NAME for --value=NAME, pprof, ...; hgrm and csv are
directories). A file that is missing is not checked, because the data do not have what it shows; the test says which must be there.
"""
import csv, gzip, json, math, os, re, struct, sys

from protobuf import fields, numbers

report = json.load(open(sys.argv[1]))
place = sys.argv[2]
main = report.get("trace") or report["stats"]
memory = report.get("stats") or report["trace"]
problems = []


def check(condition, message):
    if not condition:
        problems.append(message)


def equal(what, expected, got):
    check(expected == got, f"{what}: {expected} in the report, {got} in the export")


def read(name):
    path = os.path.join(place, name)
    return open(path, newline="").read() if os.path.exists(path) else None


# ---- What the report says by call site. ----

def whole(estimate):
    return int(estimate + 0.5) if estimate > 0 else 0


def live(member_of_site, member_of_leak):
    total, known = 0, False
    for process in memory["processes"]:
        profile = (process.get("profile") or {}).get("last")
        if profile:
            by_stack = {}
            for site in profile["sites"]:
                by_stack[site["stack_id"]] = by_stack.get(site["stack_id"], 0) + site[member_of_site]
            total += sum(map(whole, by_stack.values()))
            if profile["rest_count"]:
                total += whole(profile["rest"][member_of_site])
            known = True
        elif process["leaks"] and member_of_leak:
            total += sum(leak[member_of_leak] for leak in process["leaks"])
            known = True
    return total if known else None


def allocations(member):
    total = sum(c["counters"][member] for c in report["trace"]["classes"]) if "trace" in report else 0
    return total or None


totals = {
    "live_bytes": live("allocated", "bytes"),
    "live_blocks": live("blocks", "blocks"),
    "pinned_bytes": live("pinned", None),
    "allocated_bytes": allocations("request_bytes"),
    "allocated_blocks": allocations("allocs"),
}


# ---- Collapsed stacks: frames divided by ';', a space, a number. ----

for value, total in totals.items():
    text = read("folded." + value)
    check((text is not None) == (total is not None), f"--folded --value={value} is there, or is missing, against the report")
    if text is None:
        continue
    lines = text.split("\n")
    check(lines.pop() == "", f"folded {value}: the last line has no end")
    for line in lines:
        check(re.fullmatch(r"[^;\s][^;\x00-\x1f\x7f]*(;[^;\x00-\x1f\x7f]+)* [0-9]+", line), f"folded: {line!r} is no line of collapsed stacks")
    equal(f"folded {value}", total, sum(int(line.rsplit(" ", 1)[1]) for line in lines))
    check(len({line.rsplit(" ", 1)[0] for line in lines}) == len(lines), "folded: a stack comes twice")

text = read("folded.ns")
if text:
    expected = sum(round(h["mean"] * h["count"]) for kind in ("refill", "drain") if kind in main["latency"]
                   for h in main["latency"][kind]["classes"].values())
    equal("folded ns", expected, sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines()))


# ---- speedscope ----

text = read("speedscope")
if text:
    data = json.loads(text)
    frames = data["shared"]["frames"]
    check(data["$schema"] == "https://www.speedscope.app/file-format-schema.json", "speedscope: no schema")
    check(all(isinstance(f["name"], str) for f in frames), "speedscope: a frame has no name")
    equal("speedscope's profiles", [v for v in ("live_bytes", "live_blocks", "allocated_bytes", "allocated_blocks", "pinned_bytes") if totals[v] is not None],
          [p["name"] for p in data["profiles"]])
    for profile in data["profiles"]:
        check(len(profile["samples"]) == len(profile["weights"]), "speedscope: samples and weights differ in length")
        check(all(0 <= i < len(frames) for s in profile["samples"] for i in s), "speedscope: an index is beyond the frames")
        equal(f"speedscope {profile['name']}", totals[profile["name"]], sum(profile["weights"]))
        equal(f"speedscope's end of {profile['name']}", totals[profile["name"]], profile["endValue"])


# ---- DHAT ----

text = read("dhat")
if text:
    data = json.loads(text)
    check(data["dhatFileVersion"] == 2 and data["ftbl"][0] == "[root]", "dhat: not version 2")
    for point in data["pps"]:
        check(all(0 < i < len(data["ftbl"]) for i in point["fs"]), "dhat: an index is beyond the table")
    is_live = totals["live_bytes"] is not None
    equal("dhat's bytes", totals["live_bytes" if is_live else "allocated_bytes"], sum(p["tb"] for p in data["pps"]))
    equal("dhat's blocks", totals["live_blocks" if is_live else "allocated_blocks"], sum(p["tbk"] for p in data["pps"]))


# ---- pprof: protocol buffers, read without a description of them. ----

def ids(message, number=1):
    return [v for n, v in fields(message) if n == number]


path = os.path.join(place, "pprof")
if os.path.exists(path):
    profile = list(fields(gzip.open(path).read()))
    texts = [v.decode() for n, v in profile if n == 6]
    check(texts[0] == "" and len(set(texts)) == len(texts), "pprof: the table of texts")
    types = [texts[dict(fields(v))[1]] for n, v in profile if n == 1]
    samples = [v for n, v in profile if n == 2]
    locations = {ids(v)[0]: v for n, v in profile if n == 4}
    functions = {ids(v)[0] for n, v in profile if n == 5}
    mappings = {ids(v)[0]: dict(fields(v)) for n, v in profile if n == 3}
    sums = [0] * len(types)
    for sample in samples:
        for i, value in enumerate(v for packed in ids(sample, 2) for v in numbers(packed)):
            sums[i] += value
        check(all(v in locations for packed in ids(sample) for v in numbers(packed)), "pprof: a location is missing")
    for location in locations.values():
        check(all(ids(line)[0] in functions for line in ids(location, 4)), "pprof: a function is missing")
        check(all(m in mappings for m in ids(location, 2) if m), "pprof: a mapping is missing")
    names = {"inuse_objects": "live_blocks", "inuse_space": "live_bytes", "alloc_objects": "allocated_blocks", "alloc_space": "allocated_bytes",
             "pinned_space": "pinned_bytes"}
    equal("pprof's types", sorted(v for v in totals if totals[v] is not None), sorted(names[t] for t in types))
    for name, value in zip(types, sums):
        equal(f"pprof {name}", totals[names[name]], value)
    if os.environ.get("BUILD_ID"):
        check(os.environ["BUILD_ID"] in {texts[m.get(6, 0)] for m in mappings.values()}, "pprof: the build id of the program is missing")


# ---- Latencies: every object with buckets in the report's JSON, by its path. ----

def histograms(value, path):
    if "buckets" in value:
        parts = [p for p in path if p not in ("all", "classes", "latency")]
        yield ".".join(parts), ".".join(parts[:-1] if "classes" in path else parts), parts[-1] if "classes" in path else "", value
        return
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from histograms(inner, path + [key])


def known_of(source):
    return {name: (kind, cls, h) for name, kind, cls, h in histograms(source, [])}


known = known_of(main)
known.update({n: k for n, k in known_of(memory).items() if k[0] not in {kind for kind, _, _ in known.values()}})
directory = os.path.join(place, "hgrm")
if os.path.isdir(directory):
    equal("the histograms", sorted(known), sorted(f[:-5] for f in os.listdir(directory)))
    for name, (_, _, h) in known.items():
        lines = open(os.path.join(directory, name + ".hgrm")).read().splitlines()
        check(lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"], f"hgrm {name}: the head")
        rows = [tuple(map(float, line.split())) for line in lines[1:] if line.strip() and not line.startswith("#")]
        check(all(len(r) == 4 for r in rows[:-1]) and len(rows[-1]) == 3 and rows[-1][1] == 1, f"hgrm {name}: the columns")
        for a, b in zip(rows, rows[1:]):
            check(a[0] <= b[0] and a[1] <= b[1] <= 1 and a[2] <= b[2], f"hgrm {name}: {b} is below {a}")
        for r in rows[:-1]:
            check(abs(r[3] - 1 / (1 - r[1])) <= 0.005 + 1e-4 * r[3], f"hgrm {name}: the fourth column of {r}")
        equal(f"hgrm {name}: count", h["count"], rows[-1][2])
        equal(f"hgrm {name}: max", max(h["max"], 0), rows[-1][0])
        tail = dict(re.findall(r"(\w[\w ]*?) *= *([0-9.]+)", " ".join(lines[-3:])))
        equal(f"hgrm {name}: total count", h["count"], int(tail["Total count"]))


# ---- OpenMetrics, by its own parser where there is one. ----

text = read("openmetrics")
if text:
    check(text.endswith("\n# EOF\n"), "openmetrics: no end")
    series = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r'(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)', line)
            if not match:
                check(False, f"openmetrics: {line!r}")
                continue
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            key = (match[1], tuple(sorted(labels.items())))
            check(key not in series, f"openmetrics: {key} comes twice")
            series[key] = float(match[3])

    def value(name, **labels):
        return series.get(("hakmem_" + name, tuple(sorted(labels.items()))), 0)

    for name, count in main["counters"].items():
        if name.endswith("_ns"):
            check(abs(value(name[:-3] + "_seconds_total") - count / 1e9) < 1e-6, f"openmetrics: {name}")
        else:
            equal(f"openmetrics {name}", count, value(name + "_total"))
    for c in main["classes"]:
        for name, count in c["counters"].items():
            equal(f"openmetrics {name} of class {c['class']}", count, value(f"class_{name}_total", **{"class": c["class"]}))
        for name, count in c["memory"].items():
            equal(f"openmetrics {name} of class {c['class']}", count or 0, value(f"class_{name}" + ("" if name == "slabs" else "_bytes"), **{"class": c["class"]}))
    for bucket in (memory["processes"][0].get("memory") or {"buckets": {}})["buckets"]:
        total = sum((p.get("memory") or {"buckets": {}})["buckets"].get(bucket) or 0 for p in memory["processes"])
        equal(f"openmetrics bucket {bucket}", total, value("memory_bytes", bucket=bucket))
    for kind, cls, h in known.values():
        labels = {"kind": kind, "class": cls}
        if cls or not any(k == kind and c for k, c, _ in known.values()):
            equal(f"openmetrics count of {labels}", h["count"], value("latency_seconds_count", **labels))
            equal(f"openmetrics +Inf of {labels}", h["count"], value("latency_seconds_bucket", le="+Inf", **labels))
            check(math.isclose(value("latency_seconds_sum", **labels), h["mean"] * h["count"] / 1e9, rel_tol=1e-6), f"openmetrics: sum of {labels}")
            ends = sorted((float(dict(l)["le"]), v) for (n, l), v in series.items()
                          if n == "hakmem_latency_seconds_bucket" and dict(l)["kind"] == kind and dict(l)["class"] == cls)
            check(all(a[1] <= b[1] for a, b in zip(ends, ends[1:])), f"openmetrics: the buckets of {labels} fall")
            for end, count in ends[:-1]:
                inside = sum(b["count"] for b in h["buckets"] if b["to"] <= end * 1e9 + 0.5)
                equal(f"openmetrics up to {end} of {labels}", inside, count)
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        check(os.environ.get("NEEDS_PARSER") is None, "python3 has no prometheus_client")
    else:
        families = {f.name: f for f in text_string_to_metric_families(text)}
        programs = [s.labels["program"] for s in families["hakmem_process_info"].samples]
        shown = lambda name: re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", lambda c: f"\\x{ord(c[0]):02x}", name)
        equal("openmetrics: programs", [shown(p["program"]) for p in main["processes"]][:64], programs)


# ---- Chrome's trace events ----

text = read("perfetto")
if text:
    data = json.loads(text)
    events = data["traceEvents"]
    for e in events:
        check({"ph", "name", "pid", "tid"} <= set(e) and e["ph"] in "MXiC", f"perfetto: {e}")
        check(e["ph"] == "M" or (isinstance(e["ts"], float) and e["ts"] >= 0), f"perfetto: no time in {e}")
        check(e["ph"] != "X" or e["dur"] >= 0, f"perfetto: no duration in {e}")
        check(e["ph"] != "C" or all(isinstance(v, int) for v in e["args"].values()), f"perfetto: no number in {e}")
    count = lambda phase, name=None: sum(e["ph"] == phase and name in (None, e["name"]) for e in events)
    equal("perfetto's processes", len(main["processes"]), count("M", "process_name"))
    equal("perfetto's incidents", sum(len(p["incidents"]) for p in main["processes"]), count("i"))
    equal("perfetto's moments", sum(len(p["timeline"]) for p in memory["processes"]), count("C", "allocated"))
    calls = sorted((e["pid"], e["tid"], e["name"], e["dur"], e["args"]["class"]) for e in events if e.get("cat") == "call")
    equal("perfetto's calls", sorted((p["pid"], c["thread"], c["kind"], c["ns"] / 1e3, c["class"]) for p in memory["processes"] for c in p.get("longest_calls", [])), calls)
    if "trace" in report and data["otherData"]["dropped_slices"] == "0":
        member = lambda prefix: sum(n for c in main["classes"] for k, n in c["counters"].items() if k in prefix)
        equal("perfetto's refills", member(["refill_spare", "refill_batch", "refill_partial", "refill_fresh_slab", "refill_fresh_superslab", "refill_legacy"]), count("X", "refill"))
        equal("perfetto's drains", member(["drain_interval", "drain_length", "drain_exit", "drain_trim", "drain_idle"]), count("X", "drain"))


# ---- CSV ----

directory = os.path.join(place, "csv")
if os.path.isdir(directory):
    tables = {}
    for name in os.listdir(directory):
        text = open(os.path.join(directory, name), newline="").read()
        check(text.endswith("\r\n"), f"csv {name}: the end of the last line")
        rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
        check(all(len(r) == len(rows[0]) for r in rows), f"csv {name}: rows of different length")
        check(len(set(rows[0])) == len(rows[0]), f"csv {name}: a column comes twice")
        tables[name[:-4]] = [dict(zip(rows[0], r)) for r in rows[1:]]
    for source in ("stats", "trace"):
        if source not in report:
            continue
        equal(f"csv {source}.counters", {k: str(v) for k, v in report[source]["counters"].items()},
              {r["name"]: r["value"] for r in tables[source + ".counters"]})
        classes = tables.get(source + ".classes", [])
        equal(f"csv {source}.classes", [(c["class"], str(c["counters"]["allocs"]), str(c["utilisation"][10])) for c in report[source]["classes"]],
              [(r["class"], r["counters.allocs"], r["utilisation.10"]) for r in classes])
        equal(f"csv {source}.processes", [str(p["pid"]) for p in report[source]["processes"]], [r["pid"] for r in tables[source + ".processes"]])
        equal(f"csv {source}.processes: programs", [p["program"] for p in report[source]["processes"]], [r["program"] for r in tables[source + ".processes"]])
        for member in ("timeline", "incidents", "leaks"):
            equal(f"csv {source}: {member}", sum(len(p[member]) for p in report[source]["processes"]), len(tables.get(f"{source}.processes.{member}", [])))
        sites = [s for p in report[source]["processes"] if p.get("profile") for s in p["profile"]["last"]["sites"]]
        rows = tables.get(source + ".processes.profile.last.sites", [])
        equal(f"csv {source}: sites", [(s["stack_id"], s["allocated"]) for s in sites], [(int(r["stack_id"]), float(r["allocated"])) for r in rows])
        equal(f"csv {source}.latency", sorted((k, c, h["count"], h["max"]) for k, c, h in known_of(report[source]).values()),
              sorted((r["kind"], r["class"], int(r["count"]), int(r["max"])) for r in tables.get(source + ".latency", [])))

for problem in problems[:10]:
    print(problem)
sys.exit(1 if problems else 0)

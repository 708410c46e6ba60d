"""A reader of the Common Trace Format 1.8 (diamon.org/ctf/v1.8.3), written from its specification and used by no other part: the flight recorder is held to it.

    ctf_reader.py DIRECTORY     prints each event as "NANOSECONDS NAME"; ends with 1, and says why, at the first rule that does not hold
"""
import os, re, struct, sys, uuid

def check(good, what):
    if not good: sys.exit(f"ctf_reader.py: {what}")

# ---- The metadata: TSDL (appendix C of the specification) ----

TOKEN = re.compile(r'\s+|/\*.*?\*/|//[^\n]*|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<number>0x[0-9a-fA-F]+|\d+)(?![A-Za-z_])|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>:=|[{}\[\];:=,.<>+-])', re.S)
KEYWORDS = set("align callsite const char clock double enum env event floating_point float integer int long short signed stream string struct trace typealias typedef unsigned variant void _Bool _Complex _Imaginary".split())

class Tokens:
    def __init__(self, text):
        self.list, at = [], 0
        while at < len(text):
            match = TOKEN.match(text, at)
            check(match, f"metadata: no token at {text[at:at + 40]!r}")
            if match.lastgroup: self.list.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()
        self.at = 0
    def peek(self, ahead=0): return self.list[self.at + ahead] if self.at + ahead < len(self.list) else ("end", "")
    def take(self, *wanted):
        kind, value = self.peek()
        check(not wanted or value in wanted or kind in wanted, f"metadata: {value!r} where {' or '.join(wanted)} should be")
        self.at += 1
        return value

def identifier(t):
    name = t.take("word")
    check(name not in KEYWORDS, f"metadata: the keyword {name} is used as a name")
    return name

def attributes(t, allowed):
    """{ name = value; ... }"""
    found = {}
    t.take("{")
    while t.peek()[1] != "}":
        name = t.take("word")
        check(name in allowed and name not in found, f"metadata: attribute {name}")
        t.take("=")
        value = t.take("word", "number", "text")
        while t.peek()[1] == ".": value += t.take(".") + t.take("word")
        t.take(";")
        found[name] = value
    t.take("}")
    return found

class Integer:
    def __init__(self, t):
        a = attributes(t, {"size", "align", "signed", "base", "encoding", "byte_order", "map"})
        self.size, self.align = int(a["size"], 0), int(a.get("align", "8" if int(a["size"], 0) % 8 == 0 else "1"), 0)
        self.signed, self.map = a.get("signed", "false"), a.get("map")
        check(self.size in (8, 16, 32, 64), f"metadata: an integer of {self.size} bits is not read here")
        check(self.align > 0 and self.align & (self.align - 1) == 0, f"metadata: alignment {self.align} is no power of two")
        check(self.signed in ("true", "false", "0", "1") and a.get("base", "10") in ("2", "8", "10", "16", "dec", "hex", "oct", "x", "d"), "metadata: sign or base")
    def read(self, r, scope): return r.integer(self)

class Enum:
    def __init__(self, t):
        if t.peek()[0] == "word": identifier(t)
        t.take(":")
        t.take("integer")
        self.container, self.labels, value = Integer(t), {}, 0
        self.align = self.container.align
        t.take("{")
        while t.peek()[1] != "}":
            label = t.take("word", "text").strip('"')
            if t.peek()[1] == "=":
                t.take("=")
                value = int(t.take("number"), 0)
            check(value not in self.labels, f"metadata: two labels of the value {value}")
            self.labels[value], value = label, value + 1
            if t.peek()[1] != "}": t.take(",")
        t.take("}")
        check(self.labels, "metadata: an enumeration without labels")
    def read(self, r, scope):
        value = r.integer(self.container)
        check(value in self.labels, f"no label of an enumeration for {value}")
        return self.labels[value]

class String:
    align = 8
    def __init__(self, t):
        if t.peek()[1] == "{": check(attributes(t, {"encoding"}).get("encoding") in ("UTF8", "ASCII"), "metadata: encoding of a string")
    def read(self, r, scope): return r.text()

class Array:
    def __init__(self, element, length): self.element, self.length, self.align = element, length, element.align
    def read(self, r, scope):
        count = self.length if isinstance(self.length, int) else scope[self.length]
        return [self.element.read(r, scope) for _ in range(count)]

class Struct:
    def __init__(self, t):
        self.fields = []
        t.take("{")
        while t.peek()[1] != "}":
            kind = {"integer": Integer, "enum": Enum, "string": String, "struct": Struct}[t.take("integer", "enum", "string", "struct")](t)
            name = identifier(t)
            while t.peek()[1] == "[":
                t.take("[")
                length = t.take("number", "word")
                if length.isdigit(): length = int(length)
                else: check(any(n == length and isinstance(k, Integer) and k.signed in ("false", "0") for n, k in self.fields), f"metadata: {length} is no unsigned field before its sequence")
                t.take("]")
                kind = Array(kind, length)
            t.take(";")
            check(name not in dict(self.fields), f"metadata: two fields {name}")
            self.fields.append((name, kind))
        t.take("}")
        self.align = max([kind.align for _, kind in self.fields] + [1])
    def read(self, r, scope):
        r.align(self.align)
        values = {}
        for name, kind in self.fields: values[name] = kind.read(r, values)
        return values

def block(t, what, structs, plain):
    """what { name = value; name := struct {...}; ... };"""
    found = {}
    t.take("{")
    while t.peek()[1] != "}":
        name = t.take("word")
        while t.peek()[1] == ".": name += t.take(".") + t.take("word")
        check(name not in found and (name in structs or plain is None or name in plain), f"metadata: {name} in {what}")
        if name in structs:
            t.take(":=")
            t.take("struct")
            found[name] = Struct(t)
        else:
            t.take("=")
            found[name] = t.take("number", "word", "text")
        t.take(";")
    t.take("}")
    t.take(";")
    return found

def parse(text):
    check(text.startswith("/* CTF 1.8 */"), "metadata: do not begin with /* CTF 1.8 */")
    t = Tokens(text)
    trace = clock = stream = None
    env, events = {}, {}
    while t.peek()[0] != "end":
        what = t.take("trace", "env", "clock", "stream", "event")
        if what == "trace":
            check(trace is None, "metadata: two trace blocks")
            trace = block(t, what, {"packet.header"}, {"major", "minor", "uuid", "byte_order"})
        elif what == "env": env = block(t, what, (), None)
        elif what == "clock": clock = block(t, what, (), {"name", "uuid", "description", "freq", "precision", "offset_s", "offset", "absolute"})
        elif what == "stream":
            check(trace is not None and stream is None, "metadata: a stream before its trace, or a second one")
            stream = block(t, what, {"packet.context", "event.header", "event.context"}, {"id"})
        else:
            event = block(t, what, {"fields", "context"}, {"name", "id", "stream_id", "loglevel", "model.emf.uri"})
            check(stream is not None and event["stream_id"] == stream["id"], f"metadata: event {event['name']} has no stream before it")
            check(int(event["id"]) not in events, f"metadata: two events {event['id']}")
            events[int(event["id"])] = event
    return trace, env, clock, stream, events

# ---- Packets (section 5) ----

class Reader:
    def __init__(self, data, order): self.data, self.order, self.at, self.end = data, order, 0, len(data) * 8
    def align(self, bits): self.at = (self.at + bits - 1) // bits * bits
    def integer(self, kind):
        self.align(kind.align)
        check(self.at % 8 == 0 and self.at + kind.size <= self.end, f"a field at bit {self.at} is beyond the content of its packet")
        at, self.at = self.at // 8, self.at + kind.size
        signed = kind.signed in ("true", "1")
        return struct.unpack_from(self.order + {8: "bB", 16: "hH", 32: "iI", 64: "qQ"}[kind.size][0 if signed else 1], self.data, at)[0]
    def text(self):
        self.align(8)
        end = self.data.find(b"\0", self.at // 8)
        check(0 <= end * 8 < self.end, "a string without its end")
        value, self.at = self.data[self.at // 8:end].decode("utf-8", "strict"), end * 8 + 8
        return value

def read_stream(path, trace, stream, events, clock, out):
    with open(path, "rb") as f: data = f.read()
    order = "<" if trace["byte_order"] == "le" else ">"
    at, before, sequence, discarded, first = 0, 0, -1, 0, None
    while at < len(data):
        r = Reader(data[at:], order)
        header = trace["packet.header"].read(r, {})
        check(header["magic"] == 0xC1FC1FC1, f"{path}: magic number {header['magic']:#x}")
        check(bytes(header["uuid"]) == uuid.UUID(trace["uuid"].strip('"')).bytes, f"{path}: the uuid is not that of the metadata")
        check(header["stream_id"] == int(stream["id"]), f"{path}: stream {header['stream_id']}")
        context = stream["packet.context"].read(r, {})
        content, size = context["content_size"], context["packet_size"]
        check(size % 8 == 0 and 0 < size <= (len(data) - at) * 8 and r.at <= content <= size, f"{path}: a packet of {size} bits with {content}")
        check(context["packet_seq_num"] > sequence, f"{path}: packet {context['packet_seq_num']} behind {sequence}")
        check(context["events_discarded"] >= discarded, f"{path}: discarded events fall")
        check(context["timestamp_begin"] <= context["timestamp_end"] and context["timestamp_begin"] >= before, f"{path}: packets overlap")
        sequence, discarded, before = context["packet_seq_num"], context["events_discarded"], context["timestamp_begin"]
        r.end = content
        while r.at < content:
            head = stream["event.header"].read(r, {})
            check(head["id"] in events, f"{path}: no event {head['id']}")
            check(before <= head["timestamp"] <= context["timestamp_end"], f"{path}: time {head['timestamp']} of an event in {before} to {context['timestamp_end']}")
            before = head["timestamp"]
            stream["event.context"].read(r, {})
            event = events[head["id"]]
            event["fields"].read(r, {})
            out.append((before, event["name"].strip('"')))
        check(r.at == content, f"{path}: an event ends behind the content")
        before, at = context["timestamp_end"], at + size // 8
        first = context["timestamp_begin"] if first is None else first
    return first, before, sequence, (header["stream_id"], header["stream_instance_id"]) if data else None

def main(directory):
    with open(os.path.join(directory, "metadata"), encoding="utf-8") as f: text = f.read()
    trace, env, clock, stream, events = parse(text)
    check((trace["major"], trace["minor"]) == ("1", "8") and trace["byte_order"] in ("le", "be"), "metadata: version or byte order")
    fields = dict(trace["packet.header"].fields)
    check(trace["packet.header"].fields[0][0] == "magic" and fields["magic"].size == 32, "metadata: the magic number is not the first field, or has not 32 bits")
    check(fields["uuid"].length == 16 and fields["uuid"].element.size == 8, "metadata: a uuid has 16 bytes")
    context = dict(stream["packet.context"].fields)
    for name in ("timestamp_begin", "timestamp_end"): check(context[name].map == f"clock.{clock['name'].strip(chr(34))}.value", f"metadata: the clock of {name}")
    check(dict(stream["event.header"].fields)["timestamp"].map == context["timestamp_begin"].map, "metadata: the clock of events")
    check(clock["freq"] == "1000000000" and int(clock["offset"]) > 0 and re.fullmatch(r"[A-Za-z_]\w*", clock["name"].strip('"')), "metadata: the clock")
    check(env.get("domain") and int(env["vpid"]) > 0, "metadata: env")
    out, parts = [], []
    for name in sorted(os.listdir(directory)):
        if name != "metadata" and not name.startswith("."): parts.append(read_stream(os.path.join(directory, name), trace, stream, events, clock, out))
    parts = sorted(part for part in parts if part[0] is not None)
    for a, b in zip(parts, parts[1:]): check(a[1] <= b[0] and a[2] < b[2] and a[3] == b[3], "files of one stream overlap")
    for time, name in sorted(out): print(time + int(clock["offset"]), name)

main(sys.argv[1])

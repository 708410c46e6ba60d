#!/bin/sh
# python3: dictionaries, lists, objects and text, with json and re: built, sorted, turned into text and parsed again.
. "$(dirname "$0")/common.sh"
find_python

cat >work.py <<'END'
import hashlib, json, re

class Entry:
    def __init__(self, number):
        self.number = number
        self.name = f"entry-{number * 7919 % 100003}"
        self.tags = [f"tag{number % n}" for n in (3, 7, 11)]

records = []
for round in range(6):
    entries = [Entry(i + round) for i in range(60000)]
    by_name = {}
    for entry in entries:
        by_name.setdefault(entry.name[:9], []).append(entry)
    records.append(sorted((len(v), k) for k, v in by_name.items())[-1])

data = [{"id": i, "name": f"n{i * 31 % 9973}", "values": [i % k for k in range(1, 12)], "text": "word " * (i % 40)} for i in range(12000)]
digest = hashlib.sha256()
for round in range(3):
    text = json.dumps(data)
    digest.update(text.encode())
    data = json.loads(text)
    data.reverse()

words = re.findall(r"[a-z]+|\d+", text)
counts = {}
for word in words:
    counts[word] = counts.get(word, 0) + 1
parts = re.sub(r"(\d+)", lambda m: "<" + m.group(1)[::-1] + ">", text[:2000000]).split("<")
big = [bytearray(i % 9000) for i in range(30000)]
print(records, digest.hexdigest(), len(words), len(counts), len(parts), sum(map(len, big)))
END
measured "$python" -s work.py >out 2>err || { cat err >&2; fail "python3 failed"; }
same_sum 965656604 out
report 1

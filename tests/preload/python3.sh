#!/bin/sh
# python3: json, re, big integers, threads, and multiprocessing with fork. PYTHONMALLOC=malloc sends every object to malloc.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
need python3

cat >"$place/work.py" <<'PYTHON'
import collections, hashlib, json, multiprocessing, os, random, re, sys, threading, zlib

def document(seed):
    r = random.Random(seed)
    return {"id": seed, "name": "".join(r.choice("abcdef \u00e9\u4e16") for _ in range(r.randrange(60))),
            "values": [r.random() for _ in range(r.randrange(30))], "nested": {str(k): [k] * (k % 7) for k in range(r.randrange(20))}}

def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()

def job(seed):
    documents = [document(seed * 1000 + i) for i in range(120)]
    text = json.dumps(documents, sort_keys=True, indent=1)
    assert json.loads(text) == documents
    words = collections.Counter(re.findall(r"[a-f]{2,5}", text))
    return seed, len(text), digest(text), sorted(words.items())[:5]

def main():
    for seed in range(3):
        print(job(seed))
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        for result in pool.imap(job, range(10, 22)):
            print(result)
    results = {}
    threads = [threading.Thread(target=lambda k=k: results.__setitem__(k, job(100 + k))) for k in range(4)]
    for t in threads: t.start()
    # Forks while the threads allocate.
    for k in range(8):
        child = os.fork()
        if child == 0:
            os._exit(len(json.dumps(document(k))) % 100)
        print("child", k, os.waitpid(child, 0)[1] >> 8)
    for t in threads: t.join()
    for k in sorted(results): print(results[k])
    print(digest(hex(3 ** 90000)), zlib.crc32(bytes(range(256)) * 5000))
    print(len(re.sub(r"(\w+)-(\d+)", r"\2:\1", " ".join(f"word-{i}" for i in range(60000)))))
    big = [bytearray(1 << k) for k in range(0, 25)]
    for k in range(0, 25, 3): big[k].extend(b"x" * (1 << k))
    print(sum(map(len, big)))

main()
PYTHON
# From Python 3.12 on, a fork beside threads is warned of, with the process's number.
work() {
  under python3 -X utf8 -W "ignore:This process" "$place/work.py" || return
  export PYTHONMALLOC=malloc
  under python3 -X utf8 -W "ignore:This process" "$place/work.py" || return
  unset PYTHONMALLOC
}

used python3 -c pass
compare work

"""A store of profiles for tests: prints its ports, then a line of JSON for each profile that arrives, decoded without a description of protocol buffers.
The file `asked` has a line for each request.

push_server.py [CERTIFICATE KEY]: listens on a port of its own, and with these on a second one that speaks TLS. The first part of the path says how it answers.
"""
import base64, gzip, http.server, json, ssl, sys, threading, time, urllib.parse

from protobuf import fields, numbers

tries = {}
lock = threading.Lock()


def decode(packed):
    assert packed[:2] == b"\x1f\x8b", "not compressed"
    profile = list(fields(gzip.decompress(packed)))
    texts = [v.decode() for n, v in profile if n == 6]
    types = [texts[dict(fields(v))[1]] for n, v in profile if n == 1]
    sums = [0] * len(types)
    for sample in (v for n, v in profile if n == 2):
        values = [v for n, p in fields(sample) if n == 2 for v in numbers(p)]
        assert len(values) == len(types), "values and types differ"
        sums = [a + b for a, b in zip(sums, values)]
    single = dict((n, v) for n, v in profile if n in (9, 10))
    functions = sorted({texts[dict(fields(v))[2]] for n, v in profile if n == 5})
    return {"types": dict(zip(types, sums)), "time": single.get(9, 0), "duration": single.get(10, 0), "functions": functions}


def arrived(path, query, headers, body):
    line = {"path": path, "type": headers.get("Content-Type"), "token": headers.get("Authorization")}
    if path.endswith("/ingest"):
        query = urllib.parse.parse_qs(query, strict_parsing=True)
        line["query"] = {k: v[0] for k, v in query.items()}
        packed = body
    else:
        series, = json.loads(body)["series"]
        labels = series["labels"]["labels"] if path.endswith("/writeraw") else series["labels"]
        line["labels"] = {l["name"]: l["value"] for l in labels}
        assert len(labels) == len(line["labels"]), "a label comes twice"
        packed = base64.b64decode(series["samples"][0]["rawProfile"], validate=True)
    line.update(decode(packed))
    return line


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *unused):
        pass

    def answer(self, status, text=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        try:
            self.serve()
        except OSError:
            pass  # the other side has ended the connection

    def serve(self):
        how = self.path.split("/")[1]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        with lock:
            tries[how] = count = tries.get(how, 0) + 1
            with open("asked", "a") as asked:
                print(how, file=asked)
        if how == "hang":
            self.connection.recv(1)
        elif how == "trickle":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(600):
                self.wfile.write(b"x")
                time.sleep(0.1)
        elif how == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                self.wfile.write(b"x" * 65536)
        elif how == "headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X: " + b"x" * 4000 + b"\r\n")
        elif how == "gibberish":
            self.wfile.write(bytes(range(256)) * 8)
        elif how == "close":
            self.close_connection = True
        elif how == "500":
            self.answer(500, b"\x1b[31mdisk\n\tfull\0\xff " + b"and more " * 100)
        elif how == "401":
            self.answer(401, b"no such token")
        elif how == "flaky" and count < 3:
            self.answer(503, b"later")
        elif how == "scheme":
            self.answer(307, Location=f"https://127.0.0.1:{ports[-1]}/ok" + self.path[len("/scheme"):])
        elif how == "file":
            self.answer(302, Location="file:///etc/passwd")
        elif how == "loop":
            self.answer(307, Location=self.path)
        elif how == "moved":
            self.answer(308, Location="/ok" + self.path[len("/moved"):])
        elif how == "elsewhere":
            self.answer(307, Location=f"http://127.0.0.1:{ports[1]}/ok" + self.path[len("/elsewhere"):])
        else:
            try:
                line = arrived(path, query, self.headers, body)
            except Exception as problem:
                line = {"path": path, "problem": repr(problem)}
            with lock:
                print(json.dumps(line), flush=True)
            self.answer(200, b"{}")


servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(3 if len(sys.argv) > 2 else 2)]
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    servers[2].socket = context.wrap_socket(servers[2].socket, server_side=True, do_handshake_on_connect=False)
ports = [s.server_port for s in servers]
print(*ports, flush=True)
for server in servers:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever).start()

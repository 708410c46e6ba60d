#!/bin/sh
# nginx on a loopback port of its own: pages, compression, uploads; a reload to another configuration while requests are under way; then its end.
MODES=${MODES:-default full debug guard}
. "$(dirname "$0")/common.sh"
PATH=$PATH:/usr/sbin:/sbin
need nginx python3

# configure PORT WORKERS TEXT
configure() {
  cat >nginx.conf <<END
worker_processes $2;
pid $PWD/nginx.pid;
error_log $PWD/error.log notice;
events { worker_connections 256; }
$([ "$(id -u)" -eq 0 ] && echo 'user root;')
http {
  access_log off; log_not_found off;
  client_body_temp_path $PWD/temp; proxy_temp_path $PWD/temp; fastcgi_temp_path $PWD/temp; uwsgi_temp_path $PWD/temp; scgi_temp_path $PWD/temp;
  gzip on; gzip_min_length 1; gzip_types *; gzip_comp_level 6;
  server {
    listen 127.0.0.1:$1;
    location / { root $PWD/pages; }
    location /text { return 200 "$3"; }
    location /proxy/ { proxy_pass http://127.0.0.1:$1/; proxy_buffering on; }
  }
}
END
}

# Starts the server on a free port: $port. One that is taken ends the server, and the next is tried.
start_server() {
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + ($$ * 7 + attempt * 911 + $(date +%N | sed 's/^0*//')) % 12000)) # not from the seed: two runs on one machine would meet
    configure "$port" 2 before
    : >error.log # what is said of a taken port is not of this server
    become nginx -p "$PWD" -c "$PWD/nginx.conf" -e "$PWD/error.log" -g 'daemon off;' >server.log 2>&1 &
    server=$!
    for wait in $(seq 100); do
      kill -0 "$server" 2>/dev/null || break
      [ -s nginx.pid ] && python3 "$place/client.py" "$port" wait before && return
      sleep 0.1
    done
    stop_server
  done
  echo "nginx did not start:"
  tail -n 5 server.log error.log
  return 1
}

cat >"$place/client.py" <<'END'
import hashlib, http.client, sys, threading, time, zlib
port, what = int(sys.argv[1]), sys.argv[2]

def get(connection, path):
    connection.request('GET', path, headers={'Accept-Encoding': 'gzip'})
    response = connection.getresponse()
    body = response.read()
    if response.headers.get('Content-Encoding') == 'gzip':
        body = zlib.decompress(body, 31)
    return response.status, body

def wait(text):
    end = time.time() + 60
    while time.time() < end:
        try:
            if get(http.client.HTTPConnection('127.0.0.1', port, timeout=30), '/text')[1] == text.encode():
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit('no answer that says ' + text)

def load(results, index):
    digest = hashlib.sha256()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    for i in range(60):
        path = ('', '/proxy')[i % 2] + '/page%d' % (i * (index + 1) % 20)
        try:
            status, body = get(connection, path)
        except (OSError, http.client.HTTPException):  # a worker that ends closes connections between two requests
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
            status, body = get(connection, path)
        digest.update(b'%d' % status + body)
    results[index] = digest.hexdigest()

if what == 'wait':
    wait(sys.argv[3])
else:
    results = [None] * 6
    threads = [threading.Thread(target=load, args=(results, i)) for i in range(6)]
    for t in threads: t.start()
    for t in threads: t.join()
    print('\n'.join(map(str, results)))
END

work() {
  mkdir pages temp
  for i in $(seq 0 18); do seq $((i * i * 97)) >pages/page$i; done # page19 is not there
  start_server || return
  python3 "$place/client.py" "$port" load
  python3 "$place/client.py" "$port" load >during &
  client=$!
  for round in 1 2 3; do
    configure "$port" $((round % 2 + 1)) "round$round"
    kill -HUP "$server"
    python3 "$place/client.py" "$port" wait "round$round" || return
  done
  wait "$client" || return
  cat during
  python3 "$place/client.py" "$port" load
  kill -QUIT "$server"
  wait "$server"
  echo "server ended with $?"
  server=
  grep -aE 'hakmem: |TLS_SLL|SS_BACKEND|BUG REPORT' server.log error.log
  grep -acE '\[(alert|emerg|crit)\]|exited on signal' error.log
  return 0
}

used nginx -V
compare work

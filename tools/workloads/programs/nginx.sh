#!/bin/sh
# nginx with TLS under wrk, on a loopback port: a handshake for each request, then requests over connections that stay, compressed. Two workers; then a
# rest. The server alone is measured; its seconds are those of wrk's runs, which have a fixed length.
. "$(dirname "$0")/common.sh"
PATH=$PATH:/usr/sbin:/sbin
need nginx nginx
need wrk wrk
need openssl openssl

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost -keyout key.pem -out cert.pem >openssl.log 2>&1 ||
  { tail -n 3 openssl.log >&2; fail "openssl makes no certificate"; }
mkdir pages temp
awk 'BEGIN { for (i = 0; i < 600; i++) print "line " i " of a page, with words " i * 7919 % 1009 }' >pages/page.txt

configure() {
  cat >nginx.conf <<END
worker_processes 2;
pid $place/nginx.pid;
events { worker_connections 256; }
$([ "$(id -u)" -eq 0 ] && echo 'user root;')
http {
  access_log off;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  gzip on; gzip_min_length 1; gzip_types *; gzip_comp_level 3;
  ssl_session_cache off; ssl_session_tickets off;
  server {
    listen 127.0.0.1:$1 ssl;
    ssl_certificate $place/cert.pem; ssl_certificate_key $place/key.pem;
    location / { root $place/pages; }
  }
}
END
}
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  port=$((20000 + ($$ * 7 + attempt * 911 + $(date +%N | sed 's/^0*//')) % 12000))
  configure $port
  start_server nginx -p "$place" -c "$place/nginx.conf" -e "$place/error.log" -g 'daemon off;'
  for wait in $(seq 50); do
    kill -0 $server 2>/dev/null || break
    [ ! -s nginx.pid ] || break 2
    sleep 0.1
  done
  stop
done
[ -n "$server" ] || { tail -n 5 server.log error.log >&2; fail "nginx did not start"; }

requests=0 start=$(now)
load() {
  wrk -t 1 -c 16 -d 2s "$@" "https://127.0.0.1:$port/page.txt" >wrk.log 2>&1 || { tail -n 5 wrk.log >&2; fail "wrk failed"; }
  if grep -Eq 'Socket errors: connect [1-9]|Non-2xx' wrk.log; then cat wrk.log >&2; fail "wrk was refused"; fi
  requests=$((requests + $(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' wrk.log)))
}
load -H 'Connection: close'
load -H 'Accept-Encoding: gzip'
end=$(now)
rest $server
kill -QUIT "$(cat nginx.pid)"
server_ended error.log
report $requests

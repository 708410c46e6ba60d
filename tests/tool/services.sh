#!/bin/sh
# The examples of tools/packaging work as far as this machine can try them: systemd accepts the drop-in and expands its paths, a program with the
# environment of each example leaves statistics that can be read, YAML is well-formed, and the image is built if there is something to build it with.
. "$(dirname "$0")/common.sh"
examples=$SOURCE_DIR/tools/packaging
tried=

# environment WHAT FILE: a program with these lines NAME=VALUE leaves its statistics in $place/stats.
environment() {
  rm -rf stats && mkdir stats
  LD_LIBRARY_PATH=$BUILD_DIR/lib env $(cat "$2") sh -c 'ls / >/dev/null; true' 2>err || { cat err; fail "$1: a program does not run"; }
  [ ! -s err ] || { cat err; fail "$1: a program is not silent"; }
  [ -n "$(ls stats)" ] || fail "$1: no statistics in $place/stats"
  "$hakmem" report stats >out || fail "$1: hakmem report"
  grep -q 'Errors of the program: 0' out || fail "$1: no first screen"
  tried="$tried $1"
}

# ---- systemd ----
sed -n 's/^Environment=//p' "$examples/hakmem.conf" | sed "s|%t/hakmem-%N|$place/stats|; s|%%|%|" >settings
[ "$(wc -l <settings)" -ge 3 ] || fail "the drop-in sets too little"
environment drop-in settings
if command -v systemd-analyze >/dev/null; then
  mkdir -p units/example.service.d
  printf '[Unit]\nDescription=an example\n[Service]\nExecStart=/bin/true\n' >units/example.service
  cp "$examples/hakmem.conf" units/example.service.d
  systemd-analyze verify --recursive-errors=no --man=no ./units/example.service >said 2>&1 || { cat said; fail "systemd-analyze verify"; }
  ! grep -i 'hakmem.conf' said || fail "systemd says the above of the drop-in"
  tried="$tried systemd-analyze"
fi

# ---- The image ----
sed -n 's/^ENV //p' "$examples/Containerfile" | tr ' ' '\n' | sed "s|/data|$place/stats|" >settings
environment Containerfile settings
for builder in podman docker; do
  command -v $builder >/dev/null && timeout 60 $builder info >said 2>&1 || continue
  command -v dpkg-deb >/dev/null || continue
  mkdir image && cp "$examples/Containerfile" image
  mkdir -p root/DEBIAN "root/usr/lib/$(uname -m)-linux-gnu"
  cp -L "$BUILD_DIR/lib/libhakmem.so.0" "root/usr/lib/$(uname -m)-linux-gnu"
  printf 'Package: libhakmem0\nVersion: 0\nArchitecture: %s\nMaintainer: test\nDescription: test\n' "$(dpkg --print-architecture)" >root/DEBIAN/control
  dpkg-deb -b root image/libhakmem0_0.deb >/dev/null || fail "dpkg-deb"
  # The base image may be out of reach.
  timeout 200 $builder build -q -f image/Containerfile -t hakmem-test-$$ image >said 2>&1 || { echo "$builder cannot build here: $(tail -n 1 said)"; continue; }
  rm -rf stats && mkdir -m 777 stats
  timeout 60 $builder run --rm -v "$place/stats:/data" hakmem-test-$$ perl -e 'print "ran"' >said 2>&1 && grep -q ran said || { cat said; fail "$builder run"; }
  $builder rmi hakmem-test-$$ >/dev/null 2>&1
  [ -n "$(ls stats)" ] || fail "$builder: the service left no statistics"
  tried="$tried $builder"
  break
done

# ---- Kubernetes ----
awk '$2 == "name:" { name = $3 } $1 == "value:" { print name "=" $2 }' "$examples/kubernetes.yaml" | grep -v '""' |
  sed "s|/hakmem/data|$place/stats|; s|/hakmem/lib|$BUILD_DIR/lib/lib|" >settings
environment kubernetes settings
if command -v yamllint >/dev/null; then
  yamllint -d '{extends: default, rules: {line-length: {max: 150}}}' "$examples/kubernetes.yaml" || fail "yamllint"
  tried="$tried yamllint"
fi
echo "tried:$tried"

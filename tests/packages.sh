#!/bin/sh
# The packages work on another machine: in a bare Debian of this release, the archive runs, reports and explains without a further package, and says what
# to install where it needs one. Then the three .deb files alone answer the README's five questions, and can be removed again. lintian finds no error.
# long
# slow
# timeout: 1800
set -u
fail() { echo "FAIL: $*"; exit 1; }
skip() { echo "$*"; exit 77; }

# says WHAT PATTERN COMMAND...: the command prints a line that matches; its exit code is left in $code.
says() {
  what=$1 pattern=$2
  shift 2
  "$@" >/tmp/said 2>&1
  code=$?
  grep -q -e "$pattern" /tmp/said && return
  tail -n 30 /tmp/said
  fail "$what: exit code $code, and no line with '$pattern'"
}

# The README's questions, about perl, which every Debian has. $1: the program hakmem; $2: the library.
five_questions() {
  work='my @keep; for my $i (1 .. 200000) { push @keep, "x" x ($i % 500) if $i % 9 == 0; my $t = "y" x ($i % 3000); }'
  says "question 1" '^Memory: ' "$1" run -r -o /tmp/one -O PROFILE=512K -- perl -e "$work"
  grep -q 'live blocks' /tmp/said || fail "question 1: no live blocks"
  says "question 2" '^  malloc .* p99.9 ' "$1" run -r -o /tmp/two -- perl -e "$work"
  HAKMEM_DEBUG=1 LD_PRELOAD=$2 /root/off_by_one >/tmp/debug 2>&1
  says "question 3" 'reserve_names at .*off_by_one.c' "$1" symbolize /tmp/debug
  "$1" run -o /tmp/four -- perl -e 'my @leak; while (1) { push @leak, "z" x 2000; select undef, undef, undef, 0.001 }' &
  runner=$!
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    pid=$(ls /tmp/four 2>/dev/null | sed -n 's/\.stats$//p' | head -n 1)
    [ -z "$pid" ] || break
    sleep 0.5
  done
  [ -n "$pid" ] || fail "question 4: no process"
  says "question 4, set" 'PROFILE' "$1" set "$pid" PROFILE=4K
  says "question 4, diff" 'perl\|libperl\|grow' "$1" diff --every 2 --count 2 "$pid"
  kill "$pid"
  wait "$runner"
  for i in 1 2 3 4; do
    "$1" run -o /tmp/before/$i -- perl -e 'my $x = "a" x 1000000;' && "$1" run -o /tmp/after/$i -- perl -e 'my $x = "a" x 9000000;' || fail "question 5: run"
  done 2>/tmp/said
  says "question 5" 'rss\|RSS\|memory' "$1" diff '/tmp/before/*' '/tmp/after/*'
  rm -rf /tmp/one /tmp/two /tmp/four /tmp/before /tmp/after
}

if [ "${1-}" = --inside ]; then # in the bare Debian
  cd /root || exit 1
  export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
  mkdir unpacked && tar -C unpacked -xzf hakmem-*.tar.gz && mv unpacked/hakmem-* "/opt/hakmem" || fail "the archive cannot be unpacked"
  here=/opt/hakmem/bin/hakmem
  says "the archive's version" '^hakmem [0-9.]* (build id [0-9a-f]\{40\})$' $here --version
  says "the archive's run" '^Memory: ' $here run -r -o data -- ls /
  says "the archive's explain" '.' $here explain data
  [ $code -eq 0 ] || fail "the archive's explain: exit code $code"
  says "the archive's report of stacks" 'install libdw1' $here run -r -o names -O PROFILE=512 -O STACKS=fp -- perl -e 'my @k = map { "x" x 100 } 1 .. 9999'
  $here page data -o page.html && [ -s page.html ] || fail "the archive's page"
  says "the archive's trace" 'libbabeltrace2\.so\.0: cannot open.*; install libbabeltrace2-0' $here report trace
  says "the archive's profile for pprof" 'libprotobuf-c\.so\.1: cannot open.*; install libprotobuf-c1' $here export --pprof -o out names
  says "the archive's push" 'libcurl.*: cannot open.*; install libcurl3-gnutls' $here export --push http://127.0.0.1:1/ingest names
  says "the archive's record" 'LTTng\|lttng' $here record -o other -- ls
  [ $code -eq 1 ] || fail "the archive's record: exit code $code"
  rm -rf /opt/hakmem data names

  apt-get -y install ./*.deb >log 2>&1 || { tail -n 20 log; fail "apt-get install"; }
  [ "$(command -v hakmem)" = /usr/bin/hakmem ] || fail "there is no hakmem on PATH"
  five_questions hakmem libhakmem.so.0
  says "the installed report of a trace" '^hakmem report: trace$' hakmem report trace
  says "the installed completion" '^report' hakmem --complete rep
  [ -s /usr/share/bash-completion/completions/hakmem ] && [ -s /usr/share/man/man1/hakmem-run.1.gz ] || fail "no completion or no manual page is installed"
  apt-get -y purge libhakmem0 libhakmem-dev hakmem-tools >log 2>&1 || { tail -n 20 log; fail "apt-get purge"; }
  left=$(find /usr /etc /var/lib -name '*hakmem*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/apt/*')
  [ -z "$left" ] || fail "after the removal, this is left: $left"
  exit 0
fi

SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
for program in mmdebstrap dpkg-shlibdeps lintian lttng-sessiond; do
  command -v $program >/dev/null || skip "$program is not installed (tools/packages.txt, section packages)"
done
[ "$(id -u)" -eq 0 ] || skip "a bare Debian is made by root alone here"
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-packages.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

sh "$SOURCE_DIR/tools/packaging/packages.sh" "$place/packages" "$place/build" >"$place/log" 2>&1 || { cat "$place/log"; fail "packages.sh"; }
lintian --fail-on error "$place"/packages/*.deb >"$place/log" 2>&1 || { grep '^E' "$place/log"; fail "lintian"; }
mkdir "$place/inside"
cp "$place"/packages/*.deb "$place"/packages/*.tar.gz "$BUILD_DIR/bin/off_by_one" "$SOURCE_DIR/tests/packages.sh" "$place/inside"
"$BUILD_DIR/bin/hakmem" record -o "$place/recorded" -- ls / >"$place/log" 2>&1 || { cat "$place/log"; fail "hakmem record"; }
cp -r "$place/recorded/trace" "$place/inside/trace"

release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
set -- /etc/apt/sources.list.d/debian.sources
[ -s "$1" ] || set -- /etc/apt/sources.list
[ -s "$1" ] || skip "this machine has no sources of packages"
mmdebstrap --variant=apt --customize-hook="cp -r '$place/inside/.' \"\$1/root\"" --customize-hook='cp "$1/root/packages.sh" "$1/tmp"' \
  --customize-hook='if chroot "$1" sh /root/packages.sh --inside >"$1/../said" 2>&1; then echo passed >>"$1/../said"; fi' \
  "$release" "$place/tree" - <"$1" >"$place/log" 2>&1 || skip "a bare Debian cannot be made here: $(tail -n 1 "$place/log")"
[ "$(tail -n 1 "$place/said")" = passed ] || { cat "$place/said"; exit 1; }

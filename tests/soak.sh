#!/bin/sh
# long
# timeout: 420
# Real servers and stress programs run under hakmem run and hakmem record for a while. They are killed and started again, and meet full disks, limits and
# changes of options. At the end, a table: no block was lost, hakmem reported nothing that did not happen, and its own memory did not grow.
#
#   sh tests/soak.sh [MINUTES [DIRECTORY]]     0.75 minutes, and a directory that is removed at the end
#
# A long run can be made in parts: with a DIRECTORY, each run adds its figures to those of the runs before, and the table is of all of them. What went wrong
# in a part lies in DIRECTORY/part.N. Programs that are not installed are left out; the table names those that ran.
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
export LC_ALL=C TZ=UTC
for program in jq ps; do command -v $program >/dev/null 2>&1 || { echo "$program is not installed"; exit 77; }; done
[ -x "$BUILD_DIR/bin/hakmem" ] || { echo "there is no $BUILD_DIR/bin/hakmem; build first"; exit 77; }

minutes=${1-0.75}
seconds=$(awk -v m="$minutes" 'BEGIN { if (m !~ /^[0-9.]+$/ || m <= 0) exit 1; printf "%d", m * 60 }') || {
  echo "soak.sh: '$minutes' is not a number of minutes; usage: sh tests/soak.sh [MINUTES [DIRECTORY]]" >&2
  exit 2
}
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-soak.XXXXXX") || exit 1
all=${2-$place/all}
mkdir -p "$all" && all=$(cd "$all" && pwd) || exit 1
part=$all/part.$(($(find "$all" -maxdepth 1 -name 'part.*' | wc -l) + 1))
mkdir "$part" || exit 1

# Another user, for PostgreSQL, must be able to read these. one.sh makes a directory for each test, which no other user may enter.
chmod 755 "$place"
case ${TMPDIR-} in */hakmem-test.*) chmod a+x "$TMPDIR" ;; esac
mkdir "$place/bin" "$place/lib"
cp -L "$BUILD_DIR/bin/hakmem" "$place/bin/" && cp -rL "$BUILD_DIR"/lib/hakmem "$BUILD_DIR"/lib/libhakmem*.so "$place/lib/" || exit 1
hakmem=$place/bin/hakmem
for bin in /usr/lib/postgresql/*/bin; do [ -x "$bin/postgres" ] && PATH=$bin:$PATH; done
PATH=$PATH:/usr/sbin:/sbin
deadline=$(($(date +%s) + seconds))

. "$SOURCE_DIR/tests/soak/figures.inc"
. "$SOURCE_DIR/tests/soak/servers.inc"
. "$SOURCE_DIR/tests/soak/stress.inc"

# A lane does one round after the other until the time is over. Its shell ends all that it started.
lanes=
lane() { # NAME ROUND...
  (
    name=$1
    shift
    trap 'end_started' EXIT
    trap 'exit 130' INT TERM
    n=0
    while is_time; do
      for round in "$@"; do
        is_time || break
        n=$((n + 1))
        room=$place/$name.$n
        mkdir "$room" && cd "$room" || exit 1
        "$round" >round.log 2>&1
        status=$?
        [ $status -eq 0 ] || end_started
        case $status in
          0) figure rounds 1; figure "ran.$round" 1 ;;
          77) ;;
          *) keep_wrong "$round" "$status" ;;
        esac
        cd "$place" || exit 1
        rm -rf "$room"
      done
    done
  ) &
  lanes="$lanes $!"
}

stop() {
  for one in $lanes; do kill "$one" 2>/dev/null; done
  wait
  [ ! -e "$place/small" ] || umount "$place/small" 2>/dev/null
  rm -rf "$place"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

mkdir "$place/small" && mount -t tmpfs -o size=192k,mode=777 none "$place/small" 2>/dev/null || rmdir "$place/small"
lane steady steady_round
lane servers redis_round nginx_round postgresql_round
lane programs full_disk_round python_round java_round
lane stress stress_round limit_round recorded_round threads_round
for one in $lanes; do wait "$one"; done
lanes=

figure seconds "$seconds"
table "$all"

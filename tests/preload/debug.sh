#!/bin/sh
# Real programs in the debugging mode: they say and make the same as without, and nothing is said of them by any process.
#
#   SOAK_SECONDS=3600 sh tests/preload/debug.sh     goes round for so long, with larger loads, and counts
# slow
# timeout: 1800
set -u
here=$(dirname "$0")
. "$here/programs.inc"
seconds=${SOAK_SECONDS:-0}
programs=$(all_programs)
[ "$seconds" -gt 0 ] && export LOAD=4

# A process that has something to say has a log of its own. Some programs run as another user: everybody may write here.
logs=$(mktemp -d /tmp/hakmem-debug.XXXXXX) && chmod 1777 "$logs" || exit 1
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM
export HAKMEM_LOG=hdr HAKMEM_LOG_FILE="$logs/%p"

end=$(($(date +%s) + seconds)) rounds=0 works=0 reports=0 failures=0 skipped=0
while :; do
  rounds=$((rounds + 1))
  for program in $programs; do
    (in_modes debug "$program") >"$logs/out"
    case $? in
      0) works=$((works + 1)) ;;
      77) skipped=$((skipped + 1)) ;;
      *) failures=$((failures + 1)); cat "$logs/out" ;;
    esac
    said=$(find "$logs" -name '[0-9]*' -size +0 -exec grep -al verdict= {} + | wc -l)
    reports=$((reports + said))
    [ "$said" -eq 0 ] || find "$logs" -name '[0-9]*' -size +0 -exec head -n 60 {} +
    find "$logs" -name '[0-9]*' -delete
    [ "$seconds" -gt 0 ] && [ "$(date +%s)" -ge "$end" ] && break
  done
  [ "$seconds" -gt 0 ] && echo "$(date +%H:%M:%S) round $rounds: $works works, $reports reports, $failures failures"
  [ "$(date +%s)" -ge "$end" ] && break
done
[ $((works + failures)) -gt 0 ] || { echo "none of the programs is installed"; exit 77; }
[ $works -gt 0 ] && [ $((reports + failures)) -eq 0 ]

#!/bin/sh
# Real programs whose blocks lie against guard pages, all as far as there is room, and a sample: they say and make the same as without.
# slow
# timeout: 900
set -u
here=$(dirname "$0")
ran=0
for script in lua perl git sqlite3 python3 redis node; do
  MODES='guard sample' sh "$here/$script.sh"
  case $? in
    0) ran=$((ran + 1)) ;;
    77) ;;
    *) echo "$script: failed with guarded blocks"; exit 1 ;;
  esac
done
[ $ran -gt 0 ] || { echo "none of the programs is installed"; exit 77; }

#!/bin/sh
# Real programs in the debugging mode: they say and make the same as without, and nothing is said of them.
# slow
# timeout: 900
set -u
here=$(dirname "$0")
ran=0
for script in lua git sqlite3 gcc redis; do
  MODES=debug sh "$here/$script.sh"
  case $? in
    0) ran=$((ran + 1)) ;;
    77) ;;
    *) echo "$script: failed in the debugging mode"; exit 1 ;;
  esac
done
[ $ran -gt 0 ] || { echo "none of the programs is installed"; exit 77; }

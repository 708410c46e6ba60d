#!/bin/sh
# Real programs in the debugging mode: they say and make the same as without, and nothing is said of them.
# slow
# timeout: 900
set -u
here=$(dirname "$0")
. "$here/programs.inc"
in_modes debug lua git sqlite3 gcc redis

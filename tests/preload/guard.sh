#!/bin/sh
# Real programs whose blocks lie against guard pages, all as far as there is room, and a sample: they say and make the same as without.
# slow
# timeout: 900
set -u
here=$(dirname "$0")
. "$here/programs.inc"
in_modes 'guard sample' lua perl git sqlite3 python3 redis node

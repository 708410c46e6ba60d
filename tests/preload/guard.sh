#!/bin/sh
# Real programs whose blocks lie against guard pages, as far as there is room: they say and make the same as without.
# slow
# timeout: 1800
set -u
here=$(dirname "$0")
. "$here/programs.inc"
# shellcheck disable=SC2046 # a list of words
in_modes guard $(all_programs)

#!/bin/sh
# Real programs of whose blocks a sample lies against guard pages: they say and make the same as without.
# slow
# timeout: 900
set -u
here=$(dirname "$0")
. "$here/programs.inc"
# shellcheck disable=SC2046 # a list of words
in_modes sample $(all_programs)

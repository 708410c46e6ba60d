#!/bin/sh
# timeout: 300
# The models of the protocols between threads, each searched through to the end by Spin: no thread ever breaks a rule that the model asserts, and none waits
# for ever. Each model names faults in its head (` * fault NAME: ...`): built with one of them, the search must find a broken rule.
#
#   sh tests/models/run.sh [-v] [MODEL...]     all models, or these: directory, idle ...; -v: how many states each has, and the steps to each planted fault
set -u
models=$(cd "$(dirname "$0")" && pwd)
for program in spin gcc; do
  command -v $program >/dev/null 2>&1 || { echo "$program is not installed (apt-get install $program): the models were not searched"; exit 77; }
done
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-models.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM
verbose=
[ "${1-}" != -v ] || { verbose=yes; shift; }
[ $# -gt 0 ] || set -- $(cd "$models" && ls ./*.pml | sed 's,^\./,,; s,\.pml$,,')

# search MODEL [FAULT]: sets $errors, $states, $complete.
search() {
  mkdir -p "$place/$1$2" && cd "$place/$1$2" || exit 1
  { spin ${2:+-D$2} -a "$models/$1.pml" && gcc -O0 -w -DSAFETY -DMEMLIM=2000 -o pan pan.c; } >build.log 2>&1 || {
    cat build.log
    echo "$1${2:+ with $2} cannot be built"
    exit 1
  }
  ./pan -m20000 -w20 >out 2>&1
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
  complete=yes
  ! grep -qE 'Search not completed|max search depth too small|out of memory|aborting' out || complete=
}

fail() {
  echo "$*"
  cat out
  [ ! -e "$model.pml.trail" ] || spin ${fault:+-D$fault} -p -g -k "$model.pml.trail" "$models/$model.pml" 2>/dev/null | tail -n 60
  exit 1
}

check() {
  model=$1 fault=
  [ -e "$models/$model.pml" ] || { echo "there is no model $model; there are: $(cd "$models" && echo *.pml)"; exit 2; }
  search "$model" ''
  { [ "$errors" = 0 ] && [ -n "$complete" ]; } || fail "$model: a rule is broken, or the search did not end"
  said="$model: $states states, no rule broken"
  faults=$(sed -n 's/^ \* fault \([A-Z_]*\):.*/\1/p' "$models/$model.pml")
  [ -n "$faults" ] || fail "$model names no fault, so nothing shows that its rules can be broken"
  for fault in $faults; do
    grep -q "ifn*def $fault\$" "$models/$model.pml" || fail "$model names the fault $fault, but has no such variant"
    search "$model" "$fault"
    [ "${errors:-0}" -gt 0 ] || fail "$model: the planted fault $fault was not found"
    said="$said
$model: $fault found, $(sed -n 's/^pan:1: \(.*\)/\1/p' out)"
  done
  [ -z "$verbose" ] || echo "$said"
}

if [ $# -eq 1 ]; then
  check "$1"
  exit
fi
# Two at a time; a failure prints all it has to say and ends the run.
printf '%s\n' "$@" | xargs -P 2 -n 1 sh -c 'sh "$0" ${1:+"$1"} "$2" || exit 255' "$models/run.sh" "${verbose:+-v}"

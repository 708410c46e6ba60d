#!/bin/sh
# bash: arrays, substitutions, and many forks.
. "$(dirname "$0")/common.sh"
need bash

cat >"$place/work.sh" <<'BASH'
declare -A seen
list=()
for ((i = 0; i < 4000; i++)); do
  key="key$((i * 7919 % 1000))"
  seen[$key]+="$i,"
  list+=("${key/ey/EY}-${i: -1}")
done
for key in $(printf '%s\n' "${!seen[@]}" | sort | head -n 20); do echo "$key ${#seen[$key]}"; done
echo "${#list[@]} ${list[17]} ${list[*]: -3}"
total=0
for ((i = 0; i < 300; i++)); do
  total=$((total + $(echo $((i * 3)))))
  (exit $((i % 256))) || total=$((total + $?))
done
echo $total
for ((i = 0; i < 40; i++)); do (for ((k = 0; k < 50; k++)); do x+="$k-$i "; done; echo "child $i ${#x}") & done | sort
wait
seq 1 3000 | while read -r n; do [[ $n =~ ^([0-9])[0-9]*7$ ]] && echo "${BASH_REMATCH[1]}$n"; done | cksum
f() { local depth=$1; ((depth == 0)) && return; local text; printf -v text '%*s' "$depth" ''; f $((depth - 1)); }
f 300
cat <(echo one) <(echo two)
mapfile -t lines < <(seq 1 20000); echo "${#lines[@]}"
BASH
work() { under bash --norc "$place/work.sh"; }

used bash -c true
compare work

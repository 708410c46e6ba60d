#!/bin/sh
# slow
# timeout: 900
# The model test over each library, by either set of names, with the options that change the core's ways.
. "$(dirname "$0")/common.sh"

plain=LD_PRELOAD=$BUILD_DIR/lib/libhakmem-plain.so
default=LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so
malloc=$BUILD_DIR/tests/fuzz/model-malloc
hak=$BUILD_DIR/tests/fuzz/model-hak
core=$BUILD_DIR/tests/fuzz/model-core

for seed in 1 "$fresh_seed"; do
  model "$plain" "$malloc" -s "$seed" -n 20000
  model "$default" "$malloc" -s "$seed" -n 20000
done
model "$hak" -s "$fresh_seed" -n 20000
model "$core" -s "$fresh_seed" -n 20000
model "$hak" -s "$fresh_seed" -n 20000 -c
model "$core" -s "$fresh_seed" -n 20000 -c
model "$core" -s 3 -t 1 -n 20000
model "$core" -s 4 -t 16 -n 5000 -r 5

core_plain=$BUILD_DIR/tests/fuzz/model-core-plain
model "$core_plain" -s "$fresh_seed" -n 15000

few="-n 4000"
for options in HAKMEM_TRACE=full HAKMEM_LOOKUP=hash HAKMEM_LOOKUP=linear HAKMEM_SS_SIZE=512K HAKMEM_SS_SIZE=1M HAKMEM_SS_SIZE=4M \
  HAKMEM_SS_LIMIT=1 'HAKMEM_SS_LIMIT=2 HAKMEM_SS_SIZE=512K' HAKMEM_DRAIN_INTERVAL=0 HAKMEM_DRAIN_INTERVAL=1 \
  HAKMEM_RELEASE_DELAY=0 HAKMEM_STATS_SAMPLE=0 HAKMEM_STATS_SAMPLE=1 'HAKMEM_STATS_INTERVAL=1 HAKMEM_STATS_SAMPLE=7' \
  "HAKMEM_STATS_FILE=$place/%p HAKMEM_STATS_INTERVAL=1" \
  'HAKMEM_RELEASE_DELAY=0 HAKMEM_DRAIN_INTERVAL=1 HAKMEM_SS_SIZE=512K HAKMEM_TRACE=full HAKMEM_LOOKUP=hash HAKMEM_SS_LIMIT=40'; do
  # shellcheck disable=SC2086 # lists of words
  model $options "$core" -s "$fresh_seed" $few
  # shellcheck disable=SC2086
  model $options "$default" "$malloc" -s 5 $few
  case $options in
    *RELEASE* | *SS_* | *DRAIN*) model $options "$core_plain" -s 6 $few ;; # shellcheck disable=SC2086
  esac
done

# Where memory runs out: calls fail with ENOMEM, and nothing else breaks.
for library in "$plain" "$default"; do
  (
    ulimit -v 400000
    model "$library" "$malloc" -e -s "$fresh_seed" $few -m 600
    model "$library" HAKMEM_SS_LIMIT=20 "$malloc" -e -s "$fresh_seed" $few -m 600
  ) || exit 1
done

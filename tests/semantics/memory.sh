#!/bin/sh
# Memory runs out under ulimit -v, comes back after a free, and large blocks are kept for the next call.
. "$(dirname "$0")/common.sh"
(
  ulimit -v 500000
  everywhere "$programs/memory" limit
) || exit 1
for kind in release loop; do
  everywhere "$programs/memory" $kind
  cat "$place/out"
done

#!/bin/sh
# xz with two threads: what it packs, and that it gets it back.
. "$(dirname "$0")/common.sh"
need xz

awk 'BEGIN { for (i = 0; i < 120000; i++) print (i * 7919) % 100003, "text of a line", i % 97 }' >"$place/data"

work() {
  under xz -T2 -3 --block-size=512KiB -c "$place/data" >out/data.xz &&
    under xz -T2 -dc out/data.xz | cmp - "$place/data" && under xz -l -v out/data.xz | grep -v '^ *1 .*File' | sha256sum
  under xz -T2 -6 --block-size=1MiB -c "$place/data" | sha256sum
}

used xz --version
compare work

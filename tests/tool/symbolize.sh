# hakmem symbolize puts functions and lines into the stacks of a log, and leaves everything else as it is, whatever it is.
. "$(dirname "$0")/common.sh"
library=$BUILD_DIR/lib/libhakmem.so
mkdir "$place/a place"
cc -std=gnu11 -O1 -g -fno-builtin -Wall -Wextra -D_GNU_SOURCE -o wrong "$SOURCE_DIR/tests/tool/wrong.c" -ldl || fail "wrong.c does not compile"
cc -std=gnu11 -O1 -g -fno-builtin -w -fPIC -shared -DNAME=in_the_library -o "a place/known.so" "$SOURCE_DIR/tests/tool/wrong.c" || fail "no library"
line=$(grep -n 'the misuse' "$SOURCE_DIR/tests/tool/wrong.c" | cut -d: -f1)
LD_PRELOAD=$library ./wrong "$place/a place/known.so" >out 2>err || fail "exit status $?"
grep -q 'stack=' err || skip "no stacks: libunwind is not installed"

# ---- As a filter, and with a file. ----
"$hakmem" symbolize <err >named || fail "exit status $?"
"$hakmem" symbolize err >again || fail "exit status $? with a file"
cmp named again || fail "a file is another thing than standard input"
grep -qx "    #0 free_twice at .*/wrong.c:$line (inlined)" named || { cat named; fail "an inlined function"; }
grep -qx "    #0 in_the_library at .*/wrong.c:[0-9]*" named || { cat named; fail "the function that it is inlined into"; }
grep -q "    #[0-9]* main at .*/wrong.c:[0-9]*" named || { cat named; fail "main"; }
grep -v '^    #' err >rest
grep -v '^    #' named | cmp - rest || fail "something else was changed"

# ---- Where every block has a record, the reports tell who allocated and freed it. ----
HAKMEM_LEAKS=1 "$hakmem" run -o data -- ./wrong "$place/a place/known.so" >out 2>err || { cat err; fail "run"; }
"$hakmem" report --json data >json || fail "report --json"
for what in allocated freed; do
  jq -e ".stats.processes[0].incidents[0].$what | .thread > 0 and any(.stack[]; .function == \"in_the_library\")" json >/dev/null ||
    { jq '.stats.processes[0].incidents[0]' json; fail "where the block was $what is not in the report"; }
done
"$hakmem" explain data >text || fail "explain"
grep -q 'the block was freed [0-9]* ms before by free_twice at wrong.c:' text || { cat text; fail "explain does not tell who freed the block"; }

# ---- What stands before a frame stays; addr2line finds the same. ----
frame=$(grep -m 1 -o '#0 /.*' err)
equal "a frame behind other words" "Jan  1 12:00 host service[7]:  #0 free_twice" \
  "$(echo "Jan  1 12:00 host service[7]:  $frame" | "$hakmem" symbolize | sed -n '1s/ at .*//p')"
if command -v addr2line >/dev/null; then
  path=${frame#* } path=${path%+*}
  equal "addr2line" free_twice "$(addr2line -f -e "$path" "${frame##*+}" | head -n 1)"
fi

# ---- What is no frame, or cannot be found. ----
mkfifo pipe
cat >odd <<END
    #0 /no/such/file+0x10
    #1 $place+0x10
    #2 $place/pipe+0x10
    #3 $place/wrong+0xfffffffffffffff0
    #4 $place/wrong+0x11111111111111111111
    #5 $place/wrong+0x
    #6 $place/wrong+12
    #7 relative+0x12
    # $place/wrong+0x1200
    #+0x12
+0x12
END
printf 'no end, and a NUL \0 in it #0 %s/wrong+0x1200' "$place" >>odd
timeout 60 "$hakmem" symbolize odd >out || fail "exit status $? of odd lines"
cmp odd out || fail "odd lines were changed"
random_bytes 300000 >random
timeout 60 "$hakmem" symbolize random >out || fail "exit status $? of random bytes"
cmp random out || fail "random bytes were changed"
{ printf '#0 /'; head -c 200000 /dev/zero | tr '\0' 'x'; echo '+0x12'; } >long
timeout 60 "$hakmem" symbolize long | cmp - long || fail "a long line"
printf '\177ELF' | cat - random >broken
echo "#0 $place/broken+0x1234" >input
timeout 60 "$hakmem" symbolize input | cmp - input || fail "a frame in a broken object"
: >empty
equal "nothing" "" "$("$hakmem" symbolize empty)"

fails 1 "cannot open no such: No such file" "$hakmem" symbolize "no such"
fails 1 "cannot read $place: " "$hakmem" symbolize "$place"
fails 2 "more than one" "$hakmem" symbolize a b
(ulimit -f 0; "$hakmem" symbolize err >full 2>/dev/null)
[ $? -ne 0 ] || fail "no failure where nothing can be written"

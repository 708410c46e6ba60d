# What an address means: inlined functions with their lines, debug information in a file of its own, a library that was replaced since the
# run, and two libraries at the same address, one after the other.
. "$(dirname "$0")/common.sh"
for tool in objcopy strip; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done
cc -std=gnu11 -O1 -g -fno-builtin -Wall -Wextra -D_GNU_SOURCE -o wrong "$SOURCE_DIR/tests/tool/wrong.c" -ldl || fail "wrong.c does not compile"
library() {
  cc -std=gnu11 -O1 -g -fno-builtin -w -fPIC -shared -Wl,--build-id -DNAME="$2" -o "$1" "$SOURCE_DIR/tests/tool/wrong.c" || fail "no library $1"
}
line=$(grep -n 'the misuse' "$SOURCE_DIR/tests/tool/wrong.c" | cut -d: -f1)
call=$(grep -n 'free_twice(malloc' "$SOURCE_DIR/tests/tool/wrong.c" | cut -d: -f1)
library first.so in_the_first
library second.so in_the_second

"$hakmem" run -o data -- ./wrong "$place/first.so" "$place/second.so" >out 2>err || { cat err; fail "run"; }
grep -q 'there are no stacks' err && skip "libunwind is not installed"
report() {
  "$hakmem" report data >text || fail "report"
  "$hakmem" report --json data >json || fail "report --json"
  plain text
}
# The functions and lines of the frames that lie in a library, as the report in JSON has them.
frames_of() {
  jq -r --arg path "$place/$1" '.stats.processes[0].incidents[].stack[] | select(.module == $path) | [.function, .line, .inlined, .module_replaced] | map(tostring) | join(" ")' json
}
whole() { printf 'free_twice %s true false\n%s %s false false\nwrong' "$line" "$1" "$call"; }
check_whole() {
  equal "the frames in $1" "$(whole "$2")" "$(frames_of "$1" | head -n 3 | sed '3s/ .*//')"
}

report
check_whole first.so in_the_first
check_whole second.so in_the_second
grep -q "free_twice at .*wrong.c:$line (inlined)" text || { cat text; fail "an inlined function"; }
if [ "$(uniq out | wc -l)" -ne 1 ]; then echo "note: the second library did not come to the address of the first"; fi

# ---- Debug information in a file of its own, in .debug beside the library, by the debug link. ----
cp first.so kept.so
mkdir .debug
objcopy --only-keep-debug first.so .debug/first.so.debug && strip --strip-debug --strip-unneeded first.so &&
  objcopy --add-gnu-debuglink=.debug/first.so.debug first.so || fail "objcopy"
report
check_whole first.so in_the_first
# That of another build is not taken.
cp .debug/first.so.debug kept.debug
objcopy --only-keep-debug second.so .debug/first.so.debug
report
equal "a function of a stripped library" "in_the_first null false false" "$(frames_of first.so | head -n 1)"
# Without any, what the library exports remains.
rm .debug/first.so.debug
report
equal "a function of a stripped library" "in_the_first null false false" "$(frames_of first.so | head -n 1)"
grep -q "in_the_first in first.so" text || { cat text; fail "a function without lines"; }

# ---- Another build in its place. ----
cp second.so first.so
report
equal "a frame in a library that was replaced" "null null false true" "$(frames_of first.so | head -n 1)"
grep -q "^      first.so+0x[0-9a-f]*\$" text || { cat text; fail "a frame in a library that was replaced"; }
equal "how often the report says that it was replaced" 1 "$(grep -c "^$place/first.so has changed since the run" text)"
check_whole second.so in_the_second
"$hakmem" explain data >text || fail "explain"
equal "how often explain says that it was replaced" 1 "$(grep -c "^$place/first.so has changed since the run" text)"

# ---- Replaced while the program ran: the kernel calls it deleted. The same build in its place is as good. ----
cp kept.so first.so
rm -rf data
"$hakmem" run -o data -- ./wrong -d "$place/first.so" >out 2>err || { cat err; fail "run of a library that is deleted"; }
cp kept.so first.so
report
check_whole "first.so (deleted)" in_the_first
cp second.so first.so
report
equal "a frame in a library that was replaced in the run" "null null false true" "$(frames_of "first.so (deleted)" | head -n 1)"

# ---- Code of compilers that write no .debug_aranges: clang's, alone and in a program that also has gcc's. ----
if command -v clang >/dev/null 2>&1; then
  cat >inner.c <<'END'
#include <stdlib.h>
void *take(int size) {
  return malloc(size);
}
END
  printf '#include <stdlib.h>\nvoid *take(int size);\nint main(void) {\n  for (int i = 0; i < 20000; i++) take(1000);\n  return 0;\n}\n' >outer.c
  clang -g -c inner.c -o inner.o && cc -g -c outer.c -o outer.o && cc outer.o inner.o -o of_both && clang -g outer.c inner.c -o of_one || fail "clang"
  for program in of_both of_one; do
    rm -rf data
    "$hakmem" run -O PROFILE=10000 -o data -- ./$program >out 2>err || { cat err; fail "run of $program"; }
    "$hakmem" report --section=sites data >text
    grep -q 'take at .*inner.c:3' text && grep -q 'main at .*outer.c:4' text || { cat text; fail "lines of $program"; }
  done
fi

# ---- Names of C++: whole, and short ones. ----
library plus.so _ZN3FooIiE3barEi
rm -rf data
"$hakmem" run -o data -- ./wrong "$place/plus.so" >out 2>err || { cat err; fail "run of a library in C++"; }
for names in "Foo<int>::bar(int)" "Foo<...>::bar(...) --short-names"; do
  "$hakmem" report ${names##*)} data | grep -qF "      ${names% --*} at " || fail "no frame is called $names"
  "$hakmem" explain ${names##*)} data | tr -s '\n ' ' ' | grep -qF "${names% --*} at " || fail "explain does not name $names"
done
exit 0

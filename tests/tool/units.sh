# The parts of the companion program that can be asked alone, with the sanitizers where the compiler has them.
. "$(dirname "$0")/common.sh"
sanitize=-fsanitize=address,undefined
echo 'int main(void) { return 0; }' >probe.c
cc $sanitize -o probe probe.c 2>/dev/null && ./probe || sanitize=
tools=$SOURCE_DIR/tools
cc -std=gnu11 -O1 -g $sanitize -Wall -Wextra -D_GNU_SOURCE -o units "$SOURCE_DIR/tests/tool/units.c" "$tools/escape.c" "$tools/format.c" \
  "$tools/launch.c" "$tools/option.c" "$SOURCE_DIR/src/options.c" "$SOURCE_DIR/src/size_class.c" "$tools/trace_model.c" "$tools/trace_wire.c" "$tools/model.c" "$tools/workdir.c" "$tools/error.c" "$tools/progress.c" "$tools/memory.c" \
  "$SOURCE_DIR/instrumentation/histogram.c" || fail "units.c does not compile"
./units

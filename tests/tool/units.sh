# The parts of the companion program that can be asked alone, with the sanitizers where the compiler has them.
. "$(dirname "$0")/common.sh"
sanitize=-fsanitize=address,undefined
echo 'int main(void) { return 0; }' >probe.c
cc $sanitize -o probe probe.c 2>/dev/null && ./probe || sanitize=
tools=$SOURCE_DIR/tools
cc -std=gnu11 -O1 -g $sanitize -Wall -Wextra -D_GNU_SOURCE -I"$SOURCE_DIR" -I"$tools" -I"$SOURCE_DIR/src" -o units "$SOURCE_DIR/tests/tool/units.c" "$tools/common/escape.c" "$tools/common/format.c" \
  "$tools/session/launch.c" "$tools/session/option.c" "$SOURCE_DIR/src/platform/options.c" "$SOURCE_DIR/src/slabs/size_class.c" "$tools/input/trace/sum/trace_model.c" "$tools/input/trace/sum/trace_part.c" "$tools/input/trace/sum/trace_process.c" "$tools/input/trace/sum/allocations.c" "$tools/model/model.c" "$tools/model/short_name.c" "$tools/common/workdir.c" "$tools/common/error.c" "$tools/common/progress.c" "$tools/common/memory.c" \
  "$SOURCE_DIR/instrumentation/statistics/histogram.c" || fail "units.c does not compile"
./units

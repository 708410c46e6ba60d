# The parts of the companion program that can be asked alone, with the sanitizers where the compiler has them.
. "$(dirname "$0")/common.sh"
sanitize=-fsanitize=address,undefined
echo 'int main(void) { return 0; }' >probe.c
cc $sanitize -o probe probe.c 2>/dev/null && ./probe || sanitize=
tools=$SOURCE_DIR/tools
sources="$SOURCE_DIR/src/platform/options.c $SOURCE_DIR/src/slabs/size_class.c $SOURCE_DIR/instrumentation/statistics/histogram.c"
for source in common/error common/escape common/format common/memory common/progress common/workdir session/launch session/option \
  model/calls model/model model/model_find model/model_names model/short_name \
  input/process/alive input/process/process input/trace/sum/allocations input/trace/sum/durations input/trace/sum/trace_model input/trace/sum/trace_part input/trace/sum/trace_process words/words; do
  sources="$sources $tools/$source.c"
done
cc -std=gnu11 -O1 -g $sanitize -Wall -Wextra -D_GNU_SOURCE -I"$SOURCE_DIR" -I"$tools" -I"$SOURCE_DIR/src" -o units "$SOURCE_DIR/tests/tool/units.c" $sources -lm ||
  fail "units.c does not compile"
./units

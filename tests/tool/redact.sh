# A planted string appears nowhere with HAKMEM_REDACT=1: not in the log, the statistics file, the dump, the report, the JSON, the findings, the page and the
# exports. `--redact` leaves out what was recorded without it. Without both, the log does show it.
. "$(dirname "$0")/common.sh"
program redact
library=$BUILD_DIR/lib/libhakmem.so
# has FILE...: the string, as text or in rows of hexadecimal bytes; its eight first bytes as a number.
has() { grep -raqE 'PlantedS|50 6c 61 6e|536465746e616c50|0x[0-9a-f]*6e616c50' "$@"; }

# run MODE OPTION...: the log in err, the statistics in stats, and what the commands say.
run() {
  rm -f stats err
  env HAKMEM_ON_ERROR=report HAKMEM_LOG=all HAKMEM_STATS=1 HAKMEM_STATS_FILE="$place/stats" LD_PRELOAD="$library" "$@" ./redact >out 2>err
  grep -q 'TLS_SLL_HDR_RESET' err || { cat err; fail "no error was found with $*"; }
}

for mode in HAKMEM_SECURE=0 HAKMEM_SECURE=1 HAKMEM_DEBUG=1; do
  run $mode HAKMEM_REDACT=0
  has err || { cat err; fail "without HAKMEM_REDACT, the log does not show the string, so this test cannot fail: $mode"; }
  run $mode HAKMEM_REDACT=1
  ! has err out stats || { grep -ranE 'PlantedS|50 6c 61 6e|6e616c50' err out; fail "with HAKMEM_REDACT=1, the string appears: $mode"; }
  "$hakmem" report stats >text && "$hakmem" report --json stats >json && "$hakmem" explain stats >explained && "$hakmem" page stats --force -o page.html >/dev/null ||
    fail "a command fails on the statistics: $mode"
  rm -rf csv
  "$hakmem" export --perfetto --force stats -o perfetto.json 2>said && "$hakmem" export --csv stats -o csv 2>said || fail "an export fails on the statistics: $mode: $(cat said)"
  for file in text json explained page.html perfetto.json csv; do
    ! has $file || fail "with HAKMEM_REDACT=1, the string appears in $file: $mode"
  done
done

# What was recorded without it.
run HAKMEM_DEBUG=1 HAKMEM_REDACT=0
"$hakmem" report stats >text || fail "report"
grep -q 'past the end of the block of [0-9]* bytes: 0x' text || { cat text; fail "without --redact, the report has the byte"; }
"$hakmem" report --redact stats >text || fail "report --redact"
! grep -q 'past the end of the block of [0-9]* bytes: 0x' text || { cat text; fail "report --redact has the byte"; }
"$hakmem" report --redact --json stats >json || fail "report --redact --json"
equal "got in the JSON" "" "$(jq -r '.stats.processes[0].incidents[] | select(.got != null) | .got' json)"
"$hakmem" explain --redact stats >explained || fail "explain --redact"
! grep -qE 'bytes: 0x|held 0x' explained || { cat explained; fail "explain --redact has the byte"; }
# symbolized MODE: of a log that has bytes and overwritten links, symbolize --redact shows neither the string nor another byte than the expected one.
symbolized() {
  run $1 HAKMEM_REDACT=0
  "$hakmem" symbolize --redact err >symbolized || fail "symbolize --redact"
  ! has symbolized || { cat symbolized; fail "symbolize --redact shows the string: $1"; }
  sed -n 's/.* got=\(0x..\) expect=\(0x..\) .*/\1 \2/p' symbolized | awk '$1 != $2 { wrong = 1 } END { exit wrong || NR == 0 }' || { cat symbolized; fail "symbolize --redact shows a byte: $1"; }
}
symbolized HAKMEM_SECURE=0
symbolized HAKMEM_DEBUG=1

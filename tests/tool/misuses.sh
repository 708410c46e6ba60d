# What the reports say of misuse that was found without a header: by the debugging mode, by a guard page, by a size that was told.
. "$(dirname "$0")/common.sh"
programs=$BUILD_DIR/tests/misuse
# in_reports MODE PROGRAM VERDICT WORDS: the words stand in the report; a header only where there was one.
in_reports() {
  rm -rf data
  env "$1" HAKMEM_ON_ERROR=report "$hakmem" run -o data -- "$programs/$2" >out 2>err || [ $? -gt 2 ] || { cat err; fail "run $2"; }
  "$hakmem" report data >text || fail "report of $2"
  "$hakmem" report --json data >json || fail "report --json of $2"
  "$hakmem" explain data >explained || fail "explain of $2"
  grep -A 1 "($3)\$" text | grep -qx '    1 time, class [a-z0-9]*, base 0x[0-9a-f]*' || { cat text; fail "$2, $1: no line of $3 without a header"; }
  grep -q "of no class" explained && { cat explained; fail "$2, $1: explain speaks of a class, and the block has none"; }
  grep -q "$4" text || { cat text; fail "$2, $1: the report does not say: $4"; }
  grep -q 'got 0x00, expected 0x00' text && fail "$2, $1: a header that there was not"
  grep -Eq 'held 0x([0-9a-f]{2}) instead of 0x\1' explained && fail "$2, $1: a header that was right"
  jq -e --arg verdict "$3" '.stats.processes[0].incidents[] | select(.verdict == $verdict)' json >/dev/null || fail "$2, $1: not in JSON"
}
in_reports HAKMEM_DEBUG=0 delete_sized_wrong wrong_size 'the size that the caller passed: 1000 bytes'
in_reports HAKMEM_DEBUG=1 mismatched_free_new mismatched_free 'allocated by the family of new, freed by that of malloc'
in_reports HAKMEM_DEBUG=1 off_by_one_nul overflow 'up to 1 byte past the end of the block of 31 bytes: 0x00'
in_reports HAKMEM_DEBUG=1 double_free double_free '^  double free of a [0-9]*-byte block at 0x[0-9a-f]* (double_free)'
in_reports HAKMEM_DEBUG=0 free_static static_pointer 'static data or code'
rm -rf data
"$hakmem" run -o data -- "$programs/off_by_one_nul" >out 2>err || fail "run"
"$hakmem" report data >text || fail "report"
grep -q ': got 0x00, expected 0xa1; the left neighbour is 0x' text || { cat text; fail "a header that there was"; }

# A process that the mode stopped at an error: explain does not advise to let it end by itself.
rm -rf data
HAKMEM_DEBUG=1 "$hakmem" run -o data -- "$programs/double_free" >out 2>err
equal "exit code of a process that is stopped at an error" 134 $?
"$hakmem" explain data >explained || fail "explain"
grep -q "Mend the error above. HAKMEM_ON_ERROR=report" explained || { cat explained; fail "does not say how the process goes on"; }
grep -q "end by itself" explained && { cat explained; fail "advises to let a process end that hakmem stopped"; }
exit 0

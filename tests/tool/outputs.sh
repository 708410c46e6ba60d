# Output that cannot be written: exit code 1 and one message, by every command. A device, or a link, that was named as the file is still there afterwards.
. "$(dirname "$0")/common.sh"
program stats_file
./stats_file one.stats && ./stats_file two.stats pid=4712 || fail "stats_file"

# refused COMMAND...: with a full device as standard output, and without one.
refused() {
  for to in full closed; do
    if [ $to = full ]; then timeout 60 "$hakmem" "$@" >/dev/full 2>err; else timeout 60 "$hakmem" "$@" >&- 2>err; fi
    equal "exit code, $to: $*" 1 $?
    equal "lines, $to: $*" 1 "$(wc -l <err)"
  done
}
[ -c /dev/full ] || skip "there is no /dev/full"
refused report one.stats
refused report --json one.stats
refused explain one.stats
refused check --figures one.stats
refused diff one.stats two.stats
refused diff --json one.stats two.stats
refused export --csv --table=stats.classes one.stats
for form in openmetrics perfetto; do refused export --$form one.stats; done

ln -s /dev/full link
for command in page export\ --openmetrics; do
  # shellcheck disable=SC2086 # two words
  timeout 60 "$hakmem" $command -o link one.stats >out 2>err
  equal "exit code, $command -o" 1 $?
  equal "lines, $command -o: $(cat err)" 1 "$(wc -l <err)"
  [ -L link ] || fail "$command -o has removed the link to a device"
done
exit 0

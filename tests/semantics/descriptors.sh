#!/bin/sh
# Descriptors that the program closes and reuses; files that are not hakmem's; standard error that the program closes; disks and pipes that take nothing.
. "$(dirname "$0")/common.sh"
program=$programs/descriptors
cd "$place" || exit 1

# ---- Numbers that were hakmem's, and are the program's now. ----
for options in HAKMEM_GUARD=100 'HAKMEM_PROFILE=64K HAKMEM_STATS_FILE=p%p.hak' HAKMEM_SS_LIMIT=1 'HAKMEM_LEAKS=1 HAKMEM_STATS=1' HAKMEM_STACKS=unwind \
               'HAKMEM_STATS=1 HAKMEM_LOG=all HAKMEM_LOG_FILE=l%p.log' 'HAKMEM_STATS=1 HAKMEM_LOG=all' 'HAKMEM_DEBUG=1 HAKMEM_ON_ERROR=report HAKMEM_STATS_FILE=d%p.hak'; do
  for what in pipe files swap; do
    rm -f own*
    # shellcheck disable=SC2086 # a list of words
    env $options LD_PRELOAD="$DEFAULT" "$program" $what >out 2>&1 || { status=$?; tail -n 5 out; fail "exit status $status of $what with $options"; }
    [ -z "$(find . -name 'own*' -size +0)" ] || { head -n 5 own*; fail "$what with $options: the program's own files were written to"; }
  done
done
[ -n "$(find . -name 'p*.hak' -size +0)" ] || fail "the program that closes all descriptors left no statistics file"
grep -qs 'statistics:' l*.log || fail "the log of a program that closes all descriptors was not opened again"

# ---- Programs that close standard error before the end. ----
for command in ls 'sort /etc/passwd' 'grep -c root /etc/passwd'; do
  # shellcheck disable=SC2086 # a list of words
  HAKMEM_STATS=1 LD_PRELOAD=$DEFAULT $command 2>err >out || fail "exit status $? of $command"
  grep -q 'hakmem .* statistics:' err || fail "no statistics of $command"
done
# Without a need for it, standard error is not kept open.
HAKMEM_LOG=all LD_PRELOAD=$DEFAULT sh -c 'ls -l /proc/$$/fd' 2>err | grep -c '/err$' >count
[ "$(cat count)" -eq 1 ] || fail "standard error is open $(cat count) times"

# ---- No signal comes of what hakmem writes. ----
LD_PRELOAD=$DEFAULT "$program" broken || fail "exit status $? with a standard error that is not read"
HAKMEM_LOG=all HAKMEM_LOG_FILE=$place/big.log HAKMEM_STATS=1 HAKMEM_STATS_FILE=$place/big.hak LD_PRELOAD=$DEFAULT "$program" limited 2>err ||
  fail "exit status $? with a limit on the size of files"

# The limit is there before the program: said once, by each process (standard error must be no file here).
limited() {
  (ulimit -f "$1" && shift && env "$@" LD_PRELOAD="$DEFAULT" "$program" work) 2>&1 | cat >err
  grep -q "^hakmem: HAKMEM_.*_FILE: cannot write .*: File too large" err && [ "$(grep -c 'cannot write' err)" -eq 1 ] || { cat err; fail "$* with a limit"; }
}
limited 8 HAKMEM_STATS_FILE=small.hak
limited 1 HAKMEM_LOG=all HAKMEM_TRACE=full HAKMEM_STATS=1 HAKMEM_LOG_FILE=small.log
(ulimit -f 1 && "$BUILD_DIR/bin/hakmem" run -o small -- "$program" work; echo $? >status) 2>&1 | cat >err
grep -q 'the data in small are incomplete' err && [ "$(cat status 2>/dev/null)" = 1 ] || { cat err; fail "hakmem run with a limit on the size of files"; }

# A working directory that was removed has no path.
mkdir gone
(cd gone && rmdir ../gone && HAKMEM_LOG=all HAKMEM_LOG_FILE=l HAKMEM_STATS_FILE=s LD_PRELOAD=$DEFAULT "$program" work) 2>err ||
  fail "exit status $? in a directory that was removed"
grep -q 'HAKMEM_LOG_FILE: cannot open' err && grep -q 'HAKMEM_STATS_FILE: cannot make' err || { cat err; fail "a directory that was removed is not told"; }

# ---- Files that are refused, each with one line. ----
echo kept >text
cp text copy
ln -s text link
ln -s nowhere dangling
mkfifo fifo
refused() {
  option=$1 why=$2
  timeout 20 env "$option" LD_PRELOAD="$DEFAULT" "$program" work 2>err || fail "exit status $? with $option"
  [ "$(wc -l <err)" -eq 1 ] && grep -q "^hakmem: HAKMEM_.*_FILE: .*$why" err || { cat err; fail "$option should be refused: $why"; }
}
refused HAKMEM_STATS_FILE=link 'symbolic link'
refused HAKMEM_STATS_FILE=dangling 'symbolic link'
refused HAKMEM_STATS_FILE=text 'not a statistics file'
refused HAKMEM_STATS_FILE=fifo 'not a regular file'
refused HAKMEM_STATS_FILE=. 'not a regular file'
refused HAKMEM_STATS_FILE=/dev/null 'not a regular file'
refused HAKMEM_LOG_FILE=link 'symbolic link'
refused HAKMEM_LOG_FILE=fifo 'it has no reader'
refused HAKMEM_LOG_FILE=/dev/zero 'not a terminal'
refused HAKMEM_LOG_FILE=. 'directory'
[ ! -e nowhere ] || fail "a dangling link was followed"
cmp -s text copy || fail "a file that is no statistics file was written to"
if [ "$(id -u)" -eq 0 ]; then
  cp text theirs
  chown 12345 theirs
  refused HAKMEM_STATS_FILE=theirs 'another user'
  refused HAKMEM_LOG_FILE=theirs 'another user'
fi

# A device is not opened to see what it is.
if [ "$(id -u)" -eq 0 ] && mknod device c 1 5 2>/dev/null; then
  HAKMEM_LOG=hdr HAKMEM_LOG_FILE=device LD_PRELOAD=$DEFAULT "$program" watch 2>err || fail "exit status $? of a program whose log is a device"
  grep -q 'not a terminal' err || { cat err; fail "a device as the log is not refused"; }
fi

# A log is made by its first line; /dev/null, a FIFO that is read, and what was in a log before are fine.
HAKMEM_LOG=hdr HAKMEM_LOG_FILE=$place/unused LD_PRELOAD=$DEFAULT "$program" work || fail "exit status $?"
[ ! -e unused ] || fail "a log without a line was made"
HAKMEM_LOG=all HAKMEM_LOG_FILE=/dev/null LD_PRELOAD=$DEFAULT "$program" work 2>err && [ ! -s err ] || fail "/dev/null cannot be the log"
timeout 60 cat fifo >read &
until [ -s read ]; do
  HAKMEM_LOG=hdr HAKMEM_LOG_FILE=fifo LD_PRELOAD=$DEFAULT "$program" misuse 2>err || fail "exit status $? with a FIFO"
  kill -0 $! 2>/dev/null || [ -s read ] || fail "a FIFO that is read gets no line"
done
echo before >old.log
HAKMEM_LOG=hdr HAKMEM_LOG_FILE=old.log LD_PRELOAD=$DEFAULT "$program" misuse || fail "exit status $?"
[ "$(head -n 1 old.log)" = before ] && grep -q HDR_RESET old.log || fail "a log was not appended to"

# ---- Whose statistics file it is. ----
count() { find . -name "$1" | wc -l; }
HAKMEM_STATS_FILE=one LD_PRELOAD=$DEFAULT "$program" work || fail "exit status $?"
HAKMEM_STATS_FILE=one LD_PRELOAD=$DEFAULT "$program" work || fail "exit status $?"
[ "$(count 'one*')" -eq 1 ] || fail "the file of a process that has ended was not replaced"
[ "$(stat -c %a one)" = 600 ] || fail "the file's mode is $(stat -c %a one)"
HAKMEM_STATS_FILE=family LD_PRELOAD=$DEFAULT "$program" children || fail "exit status $?"
[ "$(count 'family*')" -eq 3 ] || fail "a parent and two children have $(count 'family*') files"
HAKMEM_STATS_FILE=exec%p LD_PRELOAD=$DEFAULT "$program" again 2>/dev/null || fail "exit status $?"
[ "$(count 'exec*')" -eq 2 ] || fail "a program and the one that it became have $(count 'exec*') files"

# A process whose file is truncated and then removed lives, and writes all of it; another that wants the name meanwhile takes the next one.
mkfifo end
HAKMEM_STATS_FILE=live LD_PRELOAD=$DEFAULT "$program" rest <end >said &
resting=$!
exec 3>end
until [ -s said ]; do sleep 0.05; done
size=$(stat -c %s live)
: >live
HAKMEM_STATS_FILE=live LD_PRELOAD=$DEFAULT "$program" work || fail "exit status $?"
[ "$(count 'live*')" -eq 2 ] || fail "the name of a living process was taken"
exec 3>&-
wait $resting || fail "exit status $? of a process whose file was truncated"
[ "$(stat -c %s live)" -eq "$size" ] && [ "$(head -c 8 live)" = HAKSTATS ] || fail "a truncated file was not written again"

# ---- A full disk. ----
[ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=20k none full 2>/dev/null || exit 0
trap 'umount full; cd /; rm -rf "$place"' EXIT
HAKMEM_STATS_FILE=full/stats HAKMEM_LOG=all HAKMEM_LOG_FILE=full/log LD_PRELOAD=$DEFAULT "$program" work 2>err || fail "exit status $? on a full disk"
grep -q 'HAKMEM_STATS_FILE: cannot write .*No space' err || { cat err; fail "a full disk is not told"; }
exit 0

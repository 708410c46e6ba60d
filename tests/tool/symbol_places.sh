# Where symbols come from: --debug-dir by build id and by debug link, a real debuginfod server and a dead one, --sysroot with symlinks that are
# absolute. A file of another build is never used.
. "$(dirname "$0")/common.sh"
for tool in objcopy strip readelf python3; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done
cc -std=gnu11 -O1 -g -fno-builtin -Wall -Wextra -D_GNU_SOURCE -o wrong "$SOURCE_DIR/tests/tool/wrong.c" -ldl || fail "wrong.c does not compile"
library() {
  cc -std=gnu11 -O1 -g -fno-builtin -w -fPIC -shared -Wl,--build-id -DNAME="$2" -o "$1" "$SOURCE_DIR/tests/tool/wrong.c" || fail "no library $1"
}
line=$(grep -n 'the misuse' "$SOURCE_DIR/tests/tool/wrong.c" | cut -d: -f1)
mkdir lib other
library whole.so in_the_library
library other.so in_another
objcopy --only-keep-debug whole.so split.debug && objcopy --only-keep-debug other.so other.debug || fail "objcopy"
cp whole.so lib/it.so
strip --strip-debug --strip-unneeded lib/it.so || fail "strip"
cp lib/it.so stripped.so
"$hakmem" run -o data -- ./wrong "$place/lib/it.so" >out 2>err || { cat err; fail "run"; }
grep -q 'there are no stacks' err && skip "libunwind is not installed"

# The innermost frame in the library: its function and line. The options go to every report.
frame_with() {
  timeout 60 "$hakmem" report --json "$@" data 2>err |
    jq -r --arg path "$place/lib/it.so" '[.stats.processes[0].incidents[0].stack[] | select(.module == $path)][0] | [.function, .line, .module_replaced] | map(tostring) | join(" ")'
}
known="free_twice $line false" exported="in_the_library null false" replaced="null null true"
equal "without debug information" "$exported" "$(frame_with)"

# ---- --debug-dir: by build id, by the debug link. ----
id=$(readelf -n whole.so | sed -n 's/.*Build ID: //p')
rest=${id#??}
mkdir -p "debug/.build-id/${id%"$rest"}" empty
cp split.debug "debug/.build-id/${id%"$rest"}/$rest.debug"
equal "--debug-dir, by build id" "$known" "$(frame_with --debug-dir empty --debug-dir debug)"
"$hakmem" explain --debug-dir debug data >text || fail "explain"
tr -s ' \n' ' ' <text | grep -q "free_twice at wrong.c:$line" || { cat text; fail "explain does not use --debug-dir"; }
own=$("$hakmem" report --json data | jq -r --arg path "$place/lib/it.so" '[.stats.processes[0].incidents[0].stack[] | select(.module == $path)][0].offset')
echo "#0 $place/lib/it.so+$(printf '0x%x' $((own - 1)))" >log
"$hakmem" symbolize --debug-dir debug log | grep -q "free_twice at .*wrong.c:$line" || fail "symbolize does not use --debug-dir"
cp other.debug "debug/.build-id/${id%"$rest"}/$rest.debug"
equal "another build's debug information under this build id" "$exported" "$(frame_with --debug-dir debug)"
rm -r debug
mkdir -p "debug$place/lib"
cp split.debug "debug$place/lib/it.so.debug"
objcopy --add-gnu-debuglink=split.debug lib/it.so && cp split.debug "debug$place/lib/split.debug" || fail "objcopy"
equal "--debug-dir, by the debug link" "$known" "$(frame_with --debug-dir debug)"
cp stripped.so lib/it.so
fails 2 'there is no such directory' "$hakmem" report --debug-dir missing data
fails 2 'DEBUGINFOD_URLS' "$hakmem" report --debuginfod data

# ---- --sysroot: a tree with absolute symlinks, as a container's; the file here is another build. ----
mkdir -p "tree$place/lib" "tree$place/real" tree/opt tree/usr/lib/debug
cp whole.so "tree$place/real/it.1.so"
ln -s /opt/link "tree$place/lib/it.so"
ln -s ../../../../../../../../../..$place/real/it.1.so tree/opt/link
cp other.so lib/it.so
equal "another build in its place" "$replaced" "$(frame_with)"
equal "--sysroot" "$known" "$(frame_with --sysroot tree)"
rm lib/it.so
equal "--sysroot, without the file here" "$known" "$(frame_with --sysroot "$place/tree/")"
cp other.so lib/it.so
cp stripped.so "tree$place/real/it.1.so"
equal "--sysroot, stripped" "$exported" "$(frame_with --sysroot tree)"
mkdir -p "tree/usr/lib/debug/.build-id/${id%"$rest"}"
cp split.debug "tree/usr/lib/debug/.build-id/${id%"$rest"}/$rest.debug"
equal "--sysroot, with its own /usr/lib/debug" "$known" "$(frame_with --sysroot tree)"
cp other.so "tree$place/real/it.1.so"
equal "--sysroot with another build" "$replaced" "$(frame_with --sysroot tree)"
ln -sf /opt/link tree/opt/link
equal "--sysroot with a circle of symlinks" "$replaced" "$(frame_with --sysroot tree)"
cp stripped.so lib/it.so
equal "what is not below --sysroot is looked for here" "$exported" "$(frame_with --sysroot empty)"

# ---- debuginfod ----
command -v debuginfod >/dev/null 2>&1 || skip "debuginfod is not installed"
python3 -c 'import ctypes; ctypes.CDLL("libdebuginfod.so.1")' 2>/dev/null || skip "libdebuginfod1 is not installed"
mkdir served
cp whole.so served
export DEBUGINFOD_CACHE_PATH="$place/cache" HOME="$place"
port=$((20000 + ($$ + $(date +%s)) % 12000)) # below those that the kernel gives to clients
debuginfod -F -d :memory: -p $port served >server 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; cd /; rm -rf "$place"' EXIT
for _ in $(seq 100); do
  python3 - "http://127.0.0.1:$port/buildid/$id/debuginfo" <<'END_OF_PYTHON' 2>/dev/null && break
import sys, urllib.request
urllib.request.urlopen(sys.argv[1]).read(1)
END_OF_PYTHON
  sleep 0.2
done
export DEBUGINFOD_URLS="http://127.0.0.1:$port"
equal "debuginfod that was not asked for" "$exported" "$(frame_with)"
[ ! -e cache ] || fail "a server was asked without --debuginfod"
equal "--debuginfod" "$known" "$(frame_with --debuginfod)"
[ ! -s err ] || { cat err; fail "--debuginfod says something"; }
rm -rf cache lib/it.so
equal "--debuginfod, without the file here" "$known" "$(frame_with --debuginfod)"
cp other.so lib/it.so
rm -rf cache
equal "--debuginfod, with another build here" "$known" "$(frame_with --debuginfod)"
kill $server
wait $server 2>/dev/null

# A server that is gone, and one that takes connections and never answers: one message, and an end.
cp stripped.so lib/it.so
rm -rf cache
equal "a server that is gone" "$exported" "$(frame_with --debuginfod)"
equal "messages of a server that is gone" 1 "$(grep -c '^hakmem: debuginfod: no answer from' err)"
equal "lines" 1 "$(wc -l <err)"
python3 - "$port" <<'END_OF_PYTHON' &
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(16)
time.sleep(60)
END_OF_PYTHON
server=$!
rm -rf cache
before=$(date +%s)
export DEBUGINFOD_TIMEOUT=2
equal "a server that is silent" "$exported" "$(frame_with --debuginfod)"
equal "messages of a server that is silent" 1 "$(grep -c '^hakmem: debuginfod: no answer from' err)"
[ $(($(date +%s) - before)) -lt 15 ] || fail "a silent server held the report for $(($(date +%s) - before)) s"
exit 0

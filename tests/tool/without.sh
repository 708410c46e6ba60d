#!/bin/sh
# A build without the optional libraries: the rest of the program works, and a command that needs one of them says what to install.
# long
# timeout: 1800
. "$(dirname "$0")/common.sh"
for tool in cmake pkg-config; do command -v $tool >/dev/null || skip "$tool is not installed"; done
settings() { sed -n "s/^$1:[A-Z]*=//p" "$BUILD_DIR/CMakeCache.txt"; }

# The same packages, but for ncurses, protobuf-c and libcurl. D3 is a file.
mkdir packages
for folder in $(pkg-config --variable pc_path pkg-config | tr : ' '); do
  [ -d "$folder" ] && find "$folder" -name '*.pc' ! -name 'ncurses*' ! -name 'libprotobuf-c*' ! -name 'libcurl*' -exec ln -sf -t packages {} +
done
export PKG_CONFIG_LIBDIR="$place/packages"
CC=$(settings CMAKE_C_COMPILER) CXX=$(settings CMAKE_CXX_COMPILER) CMAKE_C_COMPILER_LAUNCHER=$(settings CMAKE_C_COMPILER_LAUNCHER) \
  cmake -S "$SOURCE_DIR" -B build -DHAKMEM_TESTS=OFF -DCMAKE_C_FLAGS=-Werror -DHAKMEM_D3=HAKMEM_D3-NOTFOUND >log 2>&1 || { cat log; fail "cannot configure"; }
for said in "did not find D3 5 or later (node-d3)" "did not find libprotobuf-c" "did not find libmicrohttpd" "did not find ncursesw (libncurses-dev)" "did not find libcurl 7.87 or later (libcurl4-gnutls-dev)"; do
  grep -qF -- "$said" log || { cat log; fail "CMake does not say: $said"; }
done
cmake --build build -j 2 --target hakmem-tool >log 2>&1 || { tail -n 30 log; fail "does not build"; }

program sites
"$hakmem" run -o data -O PROFILE=4K -- ./sites >out 2>err || { cat err; fail "cannot run"; }
bare=$place/build/bin/hakmem
"$bare" report data >report 2>err || { cat err; fail "cannot report"; }
grep -q leaky report || { cat report; fail "the report does not name the function"; }
"$bare" export --folded data >folded && grep -q leaky folded || fail "cannot export collapsed stacks"
fails 1 "built without D3, the library that draws the page: install node-d3" "$bare" page data -o page.html
fails 1 "this build of hakmem has no pprof.so: install libprotobuf-c-dev, protobuf-c-compiler and zlib1g-dev, and build hakmem again" "$bare" export --pprof -o heap.pb.gz data
fails 1 "this build of hakmem has no push.so: install libcurl4-gnutls-dev, and build hakmem again" "$bare" export --push http://127.0.0.1:1/ingest data
fails 1 "this build of hakmem has no listen.so: install libmicrohttpd-dev, libprotobuf-c-dev and protobuf-c-compiler, and build hakmem again" "$bare" export --openmetrics --listen :0
"$bare" top --batch 1 data >out && grep -q "PROGRAM" out || { cat out; fail "top as plain text"; }
command -v script >/dev/null || exit 0
script -qec "$bare top data" /dev/null </dev/null >out 2>&1
grep -q "this build of hakmem has no terminal.so: install libncurses-dev, and build hakmem again" out || { cat -v out; fail "top does not say what its live screen needs"; }
exit 0

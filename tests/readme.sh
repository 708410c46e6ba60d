#!/bin/sh
# The documents agree with the tree: README.md is short; every option, event and command has its place in a manual page; every option, command, function
# and file that a document names exists; every link leads to a file and a heading that exist; every folder with sources says what it is for.
set -eu
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
cd "$SOURCE_DIR"
bad=0
wrong() { echo "$*"; bad=1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-readme.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The code in a document: blocks between fences, indented ones, and what stands between `...`. Of a manual page, its examples.
code() {
  case $1 in
    *.md) awk '
      /^```/ { fenced = !fenced; next }
      fenced || (/^    / && (blank || indented)) { indented = !fenced; print; next }
      { indented = 0; blank = $0 == ""; n = split($0, part, "`"); for (i = 2; i <= n; i += 2) print part[i] }' "$1" ;;
    *) sed -n '/^\.EX/,/^\.EE/p' "$1" | sed 's/\\-/-/g' ;;
  esac
}

# The commands of hakmem in the code of a document, each with its long options.
uses() {
  code "$1" | sed -n 's/.*\bhakmem \([a-z]\{1,\}\)\b/\1 /p' | sed 's/ -- .*//; s/[|#&;].*//' | awk '{
    printf "%s", $1
    for (i = 2; i <= NF; i++) if ($i ~ /^--[a-z]/) { sub(/=.*/, "", $i); printf " %s", $i }
    print "" }' | grep -v '^help\b' || true
}

# ---- Sizes. ----
most=12288
size=$(wc -c <README.md)
[ "$size" -le $most ] || wrong "README.md: $size bytes, more than $most: what is not for the first five minutes belongs elsewhere"

documents=$(find . -name '*.md' -not -path './build*' -not -path './.git/*' | sed 's|^\./||' | sort)
pages=$(find tools/man -name '*.in' | sort)
[ "$(echo "$documents" | wc -l)" -ge 10 ] && [ "$(echo "$pages" | wc -l)" -ge 10 ] || { echo "documents or manual pages were not found"; exit 1; }

# ---- Options: each in libhakmem(7); each that is named anywhere exists. ----
help=$(HAKMEM_HELP=1 LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" env 2>&1 >/dev/null | sed -n 's/^  \(HAKMEM_[A-Z_]*\)=.*/\1/p')
[ "$(echo "$help" | wc -l)" -ge 10 ] || { echo "HAKMEM_HELP=1 prints no table of options"; exit 1; }
library=$BUILD_DIR/man/libhakmem.7
for name in $help; do
  grep -q "^\\\\fB$name\\\\fR=" "$library" || wrong "libhakmem(7): no option $name"
done
# Other names that begin so are build options and macros. The documents for maintainers name old options and examples.
for file in $documents $pages; do
  case $file in CHANGELOG.md | CONTRIBUTING.md) continue ;; esac
  for name in $(grep -oE '\bHAKMEM_[A-Z_]*[A-Z]' "$file" | sort -u); do
    [ "$name" = HAKMEM_NAME ] || echo "$help" | grep -qx "$name" || grep -rqw --include='*.[ch]' --include=CMakeLists.txt "$name" CMakeLists.txt src ||
      sed -n 's/^foreach(feature \(.*\))$/\1/p' CMakeLists.txt | grep -qw "${name#HAKMEM_}" || wrong "$file: there is no option $name"
  done
done

# ---- Events: each in hakmem-events(7). Commands: each has a page. ----
events=$(sed -n 's/^  E(\([a-z_]*\), .*/\1/p' src/events.h)
[ "$(echo "$events" | wc -l)" -ge 20 ] || { echo "no events found in src/events.h"; exit 1; }
for event in $events; do
  grep -q "^\\\\fB$event\\\\fR$" "$BUILD_DIR/man/hakmem-events.7" || wrong "hakmem-events(7): no event $event"
done
if [ -x "$BUILD_DIR/bin/hakmem" ]; then
  commands=$("$BUILD_DIR/bin/hakmem" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
  [ "$(echo "$commands" | wc -l)" -ge 5 ] || { echo "hakmem --help lists no commands"; exit 1; }
  for command in $commands; do
    [ -s "$BUILD_DIR/man/hakmem-$command.1" ] || wrong "there is no manual page hakmem-$command(1)"
    grep -q "^\.BR hakmem.*-$command (1)" tools/man/hakmem.1.in || wrong "tools/man/hakmem.1.in: does not name hakmem-$command(1)"
    grep -qE "hakmem\"? ($command|help $command)\b" tests/tool/*.sh || wrong "no test in tests/tool/ runs hakmem $command"
    "$BUILD_DIR/bin/hakmem" "$command" --help >"$work/$command"
  done
  # hakmem COMMAND --OPTION, in code of a document or an example of a page; what follows -- belongs to the program that is run.
  for file in $documents $pages; do
    uses "$file" >"$work/uses"
    cat "$work/uses" >>"$work/all"
    while read -r command options; do
      [ -s "$work/$command" ] || { echo "$file: there is no command hakmem $command"; continue; }
      for option in $options; do
        grep -qE -- "(^|[ ,])$option\b" "$work/$command" || echo "$file: hakmem $command has no option $option"
      done
    done <"$work/uses"
  done >"$work/wrong"
  [ "$(wc -l <"$work/all")" -ge 50 ] || { echo "the documents name hardly any command of hakmem"; exit 1; }
  [ ! -s "$work/wrong" ] || wrong "$(cat "$work/wrong")"
fi
for page in $pages; do
  for seen in $(sed -n 's/^\.BR \(\(hakmem\|libhakmem\)[a-z\\-]*\) (\([0-9]\)).*/\1.\3/p' "$page" | tr -d '\\' | sort -u); do
    [ -e "tools/man/$seen.in" ] || wrong "$page: there is no page $seen"
  done
done

# ---- Links: [text](file#heading). ----
# The anchors of a document's headings, as the usual viewers make them.
anchors() { sed -n '/^```/,/^```/d; s/^##* //p' "$1" | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }
for file in $documents; do
  for link in $(sed '/^```/,/^```/d' "$file" | grep -oE '\]\([^) ]*\)' | sed 's/^](//; s/)$//'); do
    target=${link%%#*} anchor=
    case $link in
      http*) continue ;;
      *#*) anchor=${link#*#} ;;
    esac
    path=$file
    [ -z "$target" ] || path=$(dirname "$file")/$target
    [ -e "$path" ] || { wrong "$file: there is no $target"; continue; }
    [ -z "$anchor" ] || anchors "$path" | grep -qx -- "$anchor" || wrong "$file: $target has no heading #$anchor"
  done
  # Files that are only named.
  for path in $(grep -oE '\b(src|instrumentation|tracepoints|tools|tests)/[a-z_]+(/[a-z_0-9]+)*\.(c|h|sh|md)\b' "$file" | sort -u); do
    [ -e "$path" ] || wrong "$file: there is no $path"
  done
done

# ---- Names of functions, types and tables: `pool_refill`. Commands, packages and fields of other programs are no such names. ----
names='[a-z][a-z0-9]*(_[a-z0-9]+)+'
for file in $documents; do
  case $file in CHANGELOG.md) continue ;; esac
  for name in $(grep -oE "\`$names(\(\))?\`" "$file" | tr -d '\`()' | sort -u); do
    grep -rqwF --exclude='*.md' -e "$name" src instrumentation tracepoints tools tests || [ -n "$(find tests tools -name "$name*")" ] || wrong "$file: there is no $name in the sources"
  done
done

# ---- Every folder with sources has its page, which names files that are there. ----
for folder in $(find src instrumentation tracepoints tools -name '*.[ch]' -exec dirname {} + | sort -u); do
  [ -e "$folder/README.md" ] || { wrong "$folder: has no README.md"; continue; }
  case $folder in
    */*) grep -qi 'may use' "$folder/README.md" || wrong "$folder/README.md: does not say what the folder may use" ;;
  esac
  for name in $(grep -oE '`[a-z_0-9]+\.[ch]`' "$folder/README.md" | tr -d '`' | sort -u); do
    [ -n "$(find "$folder" -name "$name")" ] || wrong "$folder/README.md: there is no $name here; a file of another folder is named with its path"
  done
  for name in $(find "$folder" -maxdepth 1 -name '*.h' -exec basename {} .h \;); do
    grep -qwE "$name(\.[ch]|\.\[ch\]|\.\*)" "$folder/README.md" || wrong "$folder/README.md: does not say what $name.h is for"
  done
done
exit $bad

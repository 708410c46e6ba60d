#!/bin/sh
# The README names every option with its default, every event, and every file that it sends its reader to exists.
set -eu
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
readme=$SOURCE_DIR/README.md
bad=0
wrong() { echo "README.md: $*"; bad=1; }

help=$(HAKMEM_HELP=1 LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" env 2>&1 >/dev/null | sed -n 's/^  \(HAKMEM_[A-Z_]*\)=.*(default \(.*\))$/\1 \2/p')
[ "$(echo "$help" | wc -l)" -ge 10 ] || { echo "HAKMEM_HELP=1 prints no table of options"; exit 1; }
while read -r name default; do
  line=$(grep "^| \`$name\` |" "$readme") || { wrong "no option $name"; continue; }
  [ "$default" = "not set" ] || echo "$line" | grep -q "($default)" || wrong "$name: the default is $default"
done <<END
$help
END
for name in $(grep -o '^| `HAKMEM_[A-Z_]*`' "$readme" | tr -d '|` '); do
  echo "$help" | grep -q "^$name " || wrong "there is no option $name"
done

events=$(sed -n 's/^  E(\([a-z_]*\), .*/\1/p' "$SOURCE_DIR/src/events.h")
[ "$(echo "$events" | wc -l)" -ge 20 ] || { echo "no events found in src/events.h"; exit 1; }
for event in $events; do
  sed -n '/^## Events/,/^## /p' "$readme" | grep -q "\`$event\`" || wrong "no event $event"
done

for file in $(grep -oE '(src|tools|tests)/[a-z_]+(/[a-z_]+)*\.(c|h|sh)' "$readme" | sort -u); do
  [ -e "$SOURCE_DIR/$file" ] || wrong "there is no $file"
done
exit $bad

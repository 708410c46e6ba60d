#!/bin/sh
# Installs the missing packages of packages.txt:   sh tools/packages.sh [--missing] SECTION...
# Needs root or sudo only if a package is missing. With --missing it only lists them. Exit codes: 0 all there, 1 some are missing, 2 bad usage.
set -u
here=$(dirname "$0")
only_say=
if [ "${1-}" = --missing ]; then
  only_say=yes
  shift
fi
[ $# -gt 0 ] || { echo "usage: packages.sh [--missing] SECTION...   (sections: $(sed -n 's/^\[\(.*\)\]$/\1/p' "$here/packages.txt" | tr '\n' ' '))" >&2; exit 2; }

# The packages of section $1 that are not installed, one a line.
missing_of() {
  awk -v want="[$1]" '/^\[/ { inside = ($0 == want); next } inside && NF && !/^#/ { print $1, $2 }' "$here/packages.txt" |
    while read -r package command; do
      if [ -n "$command" ] && command -v "$command" >/dev/null 2>&1; then continue; fi
      case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        'install ok installed') ;;
        *) echo "$package" ;;
      esac
    done
}

missing() { for section in "$@"; do missing_of "$section"; done | tr '\n' ' '; }

for section in "$@"; do
  grep -qx "\[$section\]" "$here/packages.txt" || { echo "packages.sh: packages.txt has no section $section" >&2; exit 2; }
done
wanted=$(missing "$@")
[ -n "$wanted" ] || exit 0
[ -z "$only_say" ] || { echo "Not installed: $wanted"; exit 1; }
command -v apt-get >/dev/null 2>&1 || { echo "packages.sh: no apt-get here; install by hand: $wanted" >&2; exit 1; }

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "packages.sh: needs root or sudo to install: $wanted" >&2; exit 1; }
  as_root=sudo
fi
# RUNLEVEL=1 and the policy keep the packages of Debian from starting their services.
apt() { $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=600 "$@"; }

echo "Installing: $wanted"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
if apt update >"$log" 2>&1 && apt install -y --no-install-recommends $wanted >>"$log" 2>&1; then exit 0; fi
# One by one: a package that cannot be installed must not keep the others out.
for package in $wanted; do
  apt install -y --no-install-recommends "$package" >>"$log" 2>&1 || echo "packages.sh: could not install $package" >&2
done
still=$(missing "$@")
[ -z "$still" ] && exit 0
echo "packages.sh: still missing: $still; the end of apt-get's output:" >&2
tail -n 15 "$log" >&2
exit 1

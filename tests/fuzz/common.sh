# What the model tests share: `model NAME=VALUE... PROGRAM OPTIONS...` runs the model with these options of the library; it must end well
# and hakmem must have nothing to say.
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-model.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

# run.sh's --seed; the model prints it.
fresh_seed=${TEST_SEED:-29}

model() {
  echo "$*"
  env "$@" 2>"$place/stderr"
  status=$?
  sed -i "/WARNING: ASan doesn't fully support makecontext/d" "$place/stderr" # the sanitizer's word on stacks of our own, not a finding
  if [ $status -ne 0 ] || [ -s "$place/stderr" ]; then
    head -n 100 "$place/stderr"
    echo "exit status $status of: $*"
    exit 1
  fi
}

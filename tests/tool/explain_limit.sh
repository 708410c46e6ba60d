# hakmem explain proposes an HAKMEM_SS_LIMIT: with it, no shared_fail is left.
. "$(dirname "$0")/common.sh"
program waste

explain() {
  "$hakmem" explain --json "$1" >"$1.json" 2>err || { cat err; fail "explain $1"; }
  [ ! -s err ] || fail "says: $(cat err)"
}
of() { jq -r ".findings[] | select(.rule == \"limit\") | $2" "$1.json"; }

for kind in limited large; do
  HAKMEM_SS_LIMIT=3 "$hakmem" run -o "$kind" -- ./waste $kind 2>err || { cat err; fail "waste $kind"; }
  explain $kind
  [ "$(of $kind .figures.refused)" -gt 0 ] || fail "$kind: nothing was refused"
  equal "$kind: the limit" 3 "$(of $kind .figures.limit)"
  proposed=$(of $kind '.remedies[0] | select(.option == "HAKMEM_SS_LIMIT") | .value')
  [ "$proposed" -gt 3 ] || fail "$kind: proposes '$proposed'"
  HAKMEM_SS_LIMIT=$proposed "$hakmem" run -o "$kind-then" -- ./waste $kind 2>err || { cat err; fail "waste $kind"; }
  explain $kind-then
  equal "$kind: shared_fails with the limit proposed" "" "$(of $kind-then .what)"
  "$hakmem" explain $kind >text || fail "explain $kind"
  plain text
  grep -q "HAKMEM_SS_LIMIT=$proposed" text || { cat text; fail "the text does not propose $proposed"; }
done
exit 0

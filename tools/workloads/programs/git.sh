#!/bin/sh
# git: a generated repository of 1200 commits: repacked, checked, and every commit's changes printed.
. "$(dirname "$0")/common.sh"
need git git

export HOME="$place" GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
commits=1200
git init -q -b main tree || fail "git init failed"
cd tree || exit 1
awk -v commits=$commits 'BEGIN {
  for (c = 1; c <= commits; c++) {
    print "commit refs/heads/main\nmark :" c
    print "committer C <c@example.org> " 1000000000 + c * 3600 " +0000"
    print "data <<END\nchange " c "\nEND"
    for (k = 0; k < 3; k++) {
      file = (c * 7 + k * 41) % 120
      version[file]++
      print "M 100644 inline dir" file % 10 "/file" file "\ndata <<END"
      for (n = 1; n <= 60 + file * 5; n++) print (n * 7 + file) % 23 == version[file] % 23 ? "changed " n " in " c : "line " n " of " file
      print "END"
    }
  }
}' | git fast-import --quiet || fail "git fast-import failed"

measured git -c pack.threads=1 repack -q -a -d -f --depth=50 --window=20 || fail "git repack failed"
measured git fsck --full --strict >fsck 2>&1 || { head -n 5 fsck >&2; fail "git fsck failed"; }
measured git log -p --stat --all >log || fail "git log failed"
measured git blame -w -C main -- dir0/file100 >blame || fail "git blame failed"
cat log blame >out
same_sum 153833066 out
report $commits

#!/bin/sh
# git: init, many commits with fixed dates, branches and a merge, gc, fsck, log, blame, an archive.
. "$(dirname "$0")/common.sh"
need git

work() {
  export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C \
    GIT_COMMITTER_EMAIL=c@example.org
  under git init -q -b main tree
  cd tree || return
  i=0
  while [ $i -lt 40 ]; do
    i=$((i + 1))
    awk -v i=$i 'BEGIN { for (n = 1; n < 400; n++) print n % (i + 3) == 0 ? "line " n " of " i : "line " n }' >file$((i % 7))
    mkdir -p dir$((i % 5)) && awk -v i=$i 'BEGIN { for (n = 0; n < 50 * i; n++) print n * i }' >dir$((i % 5))/data$i
    export GIT_AUTHOR_DATE="2001-02-03T04:05:$(printf %02d $i)Z" GIT_COMMITTER_DATE="2001-02-03T04:05:$(printf %02d $i)Z"
    under git add -A
    under git commit -q -m "commit $i"
    [ $i -eq 20 ] && under git checkout -q -b side
    [ $i -eq 25 ] && under git checkout -q main
  done
  under git merge -q -s ours -m merge side 2>&1
  under git gc -q --aggressive
  under git fsck --full --strict 2>&1
  under git log --stat --graph --all
  under git log -p --all | sha256sum
  under git blame file3
  under git rev-list --objects --all
  under git cat-file --batch-check --batch-all-objects
  under git archive --format=tar HEAD | sha256sum
  under git clone -q . ../copy 2>&1
  under git -C ../copy status
}

used git --version
compare work

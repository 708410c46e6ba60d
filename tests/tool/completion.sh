#!/bin/sh
# Shells complete commands, options, and values of options, from the program's own tables; and a wrong word gets the near one that was meant.
. "$(dirname "$0")/common.sh"
rules=$SOURCE_DIR/tools/completion
PATH=$BUILD_DIR/bin:$PATH
export PATH

# ---- The words, from the program. ----
words() { "$hakmem" --complete "$@" | cut -f 1 | LC_ALL=C sort | tr '\n' ' '; }
equal "commands" "record report " "$(words re)"
equal "options" "--section= --short-names --since= --summary --sysroot= " "$(words report --s)"
equal "values" "--section=latency --section=leaks --section=losses " "$(words report --section=l)"
equal "values, apart" "latency leaks losses " "$(words report --section l)"
equal "groupings" "--by=host --by=process --by=program " "$(words top --by=)"
equal "settings" "LOOKUP=directory LOOKUP=hash LOOKUP=linear " "$(words run -O LOOKUP=)"
equal "settings of set" "DRAIN_INTERVAL= " "$(words set 1 DRAIN)"
equal "a program" ":commands " "$(words run -r '')"
equal "the program's own arguments" "" "$(words run -r ls --se)"
equal "a file" "" "$(words report ./)"
equal "plans" "scale sweep " "$(words bench s)"
equal "one plan" "" "$(words bench scale s)"
# Ids of running processes, among others that may run beside this test.
program rests
"$hakmem" run -o alive -- ./rests 1 10 100 >out 2>err &
for try in $(seq 200); do grep -q ready out && break; sleep 0.05; done
pid=$(basename alive/*.stats .stats)
for command in report explain page diff export check top; do
  case " $(words $command "$pid")" in *" $pid "*":files "*) ;; *) fail "hakmem $command does not complete $pid and files: $(words $command "$pid")" ;; esac
done
for command in set dump trim; do
  case " $(words $command "$pid")" in *:files*) fail "hakmem $command completes files" ;; *" $pid "*) ;; *) fail "hakmem $command does not complete $pid" ;; esac
done
"$hakmem" --complete report --pid "$pid" | grep -q "^$pid	rests$" || fail "report --pid does not complete $pid with its name"
for command in $("$hakmem" --complete '' | cut -f 1); do
  [ "$command" = help ] || [ -n "$(words "$command" --he)" ] || fail "hakmem $command has no --help to complete"
done
# Each long option that --help names is completed, too.
for command in run report export bench; do
  "$hakmem" $command --help | grep -o -e '--[a-z-]*' | sort -u >named
  "$hakmem" --complete $command -- | cut -f 1 | tr -d = | sort -u >completed
  [ -z "$(grep -v -x -F -f completed named | grep -v -e '^--$' | grep -x -e '--help\|--usage\|--version\|--output\|--json\|--option\|--pid')" ] ||
    fail "hakmem $command: not completed: $(grep -v -x -F -f completed named)"
done

# ---- Shells. ----
bash_words() { # LINE: what bash would insert
  bash --norc -c '. "$1"; compopt() { :; }; COMP_LINE=$2 COMP_POINT=${#2}; _hakmem; printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "' bash "$rules/hakmem.bash" "$1"
}
if command -v bash >/dev/null; then
  case " $(bash_words "hakmem set $pid")" in *" $pid "*) ;; *) fail "bash: ids of processes: $(bash_words "hakmem set $pid")" ;; esac
  equal "bash: commands" "explain export " "$(bash_words 'hakmem ex')"
  equal "bash: options" "--summary " "$(bash_words 'hakmem report --su')"
  equal "bash: behind =" "latency leaks losses " "$(bash_words 'hakmem report --section=l')"
  equal "bash: settings" "hash " "$(bash_words 'hakmem run -O LOOKUP=h')"
  bash_words 'hakmem run ech' | grep -q 'echo ' || fail "bash: hakmem run does not complete a program: $(bash_words 'hakmem run ech')"
  # As a user presses the key: Tab in an interactive shell.
  if command -v script >/dev/null && [ -e /dev/ptmx ]; then
    printf '. %s\nhakmem report --summ\t --sec\tcou\t; exit\n' "$rules/hakmem.bash" >keys
    TERM=dumb script -q -c 'bash --norc --noprofile -i' typed <keys >/dev/null 2>&1
    grep -q -e '--summary *--section=counts' typed || { cat typed; fail "bash: Tab does not complete"; }
  fi
fi
if command -v fish >/dev/null; then
  fish_words() { HOME=$place fish --no-config -c "source $rules/hakmem.fish; complete -C '$1'" | cut -f 1 | sort | tr '\n' ' '; }
  case " $(fish_words "hakmem report $pid")" in *" $pid "*) ;; *) fail "fish: ids of processes: $(fish_words "hakmem report $pid")" ;; esac
  equal "fish: commands" "explain export " "$(fish_words 'hakmem ex')"
  equal "fish: behind =" "--section=latency --section=leaks --section=losses " "$(fish_words 'hakmem report --section=l')"
fi
kill "$pid"
if command -v zsh >/dev/null; then
  cat >zrc <<END
fpath=($rules \$fpath)
autoload -Uz compinit && compinit -u -D
zmodload zsh/zpty
END
  cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell "PS1=; source ./zrc; stty -echo"
zpty -w -n shell "hakmem report --summ"$'\t'"--sec"$'\t'"cou"$'\t'$'\C-a'"echo typed: "$'\n'
zpty -w shell "exit"
while zpty -r shell line; do print -r -- $line; done
END
  HOME=$place TERM=dumb timeout 60 zsh -f ask.zsh >typed 2>&1
  grep -q -e '--summary *--section=counts' typed || { cat typed; fail "zsh: Tab does not complete"; }
fi

# ---- What was meant. ----
meant() { # TEXT COMMAND...
  text=$1
  shift
  "$@" >out 2>err
  equal "exit code of $*" 2 $?
  grep -q -F -e "$text" err || { cat err; fail "$*: does not say '$text'"; }
}
meant "there is no command reprot; did you mean report?" "$hakmem" reprot
meant "there is no command tops; did you mean top?" "$hakmem" help tops
meant "unrecognized option '--sumary'; did you mean --summary?" "$hakmem" report --sumary .
meant "unrecognized option '--optoin=A=1'; did you mean --option?" "$hakmem" run --optoin=A=1 -- ls
meant "unrecognized option '--section=latency'; hakmem report has that option" "$hakmem" run -r --section=latency -- ls
meant "unrecognized option '--prometheus'; hakmem export --list lists the formats" "$hakmem" export --prometheus -o x .
meant "there is no such section; --section=help lists them; did you mean latency?" "$hakmem" report --section=latancy .
meant "there is no plan thraeds; did you mean threads?" "$hakmem" bench thraeds
meant "did you mean hash?" "$hakmem" bench sweep --lookup=hahs
meant "did you mean process?" "$hakmem" report --by=proces .
meant "did you mean host?" "$hakmem" top --by=hots net://localhost/host/a/b
meant "HAKMEM_LOG=ss,hdrr is not allowed: list of drain,ss,hdr or all; did you mean hdr?" "$hakmem" run -O LOG=ss,hdrr -- true
meant "did you mean live_bytes?" "$hakmem" export --folded --value=live_byte .
fails 1 "did you mean refill?" "$hakmem" export --hgrm --histogram=refil alive
fails 1 "did you mean stats.classes?" "$hakmem" export --csv --table=stats.clases alive
# An option of each command, with one letter more.
for command in $("$hakmem" --complete '' | cut -f 1); do
  for option in $("$hakmem" --complete "$command" -- | cut -f 1 | tr -d = | grep -x -e '--[a-z-]\{5,\}' | tail -n 1); do
    timeout 20 "$hakmem" $command "${option}x" </dev/null >out 2>err
    grep -q -F "unrecognized option '${option}x'; did you mean --" err || { cat err; fail "hakmem $command ${option}x: no near option"; }
  done
done
"$hakmem" run -O LOOKUP=hahs -- true 2>err && fail "LOOKUP=hahs is accepted"
grep -q 'did you mean hash?' err || { cat err; fail "no near value of LOOKUP"; }
"$hakmem" run -o own -- sh -c 'exit 5' --sumary 2>/dev/null
equal "exit code of a program with options of its own" 5 $?

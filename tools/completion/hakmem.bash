# bash: completes the command lines of hakmem. The program itself knows the words (hakmem --complete).
_hakmem() {
  local line=${COMP_LINE:0:COMP_POINT} words word typed
  read -ra words <<<"$line"
  case $line in *[[:space:]]) words+=('') ;; esac
  typed=${words[-1]}
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    case $word in
      :commands) mapfile -t COMPREPLY < <(compgen -c -f -- "$typed") ;;
      :files) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$typed") ;;
      *) COMPREPLY+=("$word") ;;
    esac
  done < <("${words[0]}" --complete "${words[@]:1}" 2>/dev/null)
  [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
  # bash takes the words apart at '=' and replaces only what follows.
  [[ $COMP_WORDBREAKS == *=* && $typed == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${typed%=*}="}")
  return 0
}
complete -o default -F _hakmem hakmem

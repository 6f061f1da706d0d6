# Completion of xsmigui's arguments for bash. Made from the program's own parser.

_xsmigui() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}" command="" words word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
    @NAMES@)
      command="$word"
      break
      ;;
    esac
  done
  COMPREPLY=()
  case "$previous" in
  --lang) words="en es" ;;
  --scenario) words="two-pools standalone mixed-versions blockers scale" ;;
  --plan | --database) COMPREPLY=($(compgen -f -- "$current")) && return ;;
  --report) COMPREPLY=($(compgen -d -- "$current")) && return ;;
  *)
    case "$command" in
@CASES@
    *) words='@WORDS@' ;;
    esac
    ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -F _xsmigui xsmigui

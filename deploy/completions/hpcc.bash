# bash completion for hpcc(1)

# Puts what compgen prints for its arguments into COMPREPLY, a line each.
_hpcc_reply() {
  mapfile -t COMPREPLY < <(compgen "$@")
}

_hpcc_compilers() {
  compgen -c -- "$1" | grep -E '(^cc|^c\+\+|gcc|g\+\+|clang|clang\+\+)(-[0-9.]+)?$' | sort -u
}

_hpcc() {
  local cur prev command options offset
  COMPREPLY=()
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD - 1]}

  if ((COMP_CWORD == 1)); then
    if [[ $cur == -* ]]; then
      _hpcc_reply -W "--help --version" -- "$cur"
    else
      _hpcc_reply -W "wrap start stop stats explain inspect clean cache config doctor auth scheduler worker audit sandbox exec image cluster version completion help \
        $(_hpcc_compilers "$cur")" -- "$cur"
    fi
    return
  fi

  command=${COMP_WORDS[1]}
  case $command in
    start) options="--background --help" ;;
    stop) options="--help" ;;
    stats) options="--json --zero --watch --help" ;;
    explain) options="--verbose --json --help" ;;
    inspect) options="--verbose --json --help" ;;
    clean) options="--max-size --max-age --all --json --help" ;;
    cache) options="check copy --remove --json --help" ;;
    config) options="--json --help" ;;
    doctor) options="--json --help" ;;
    auth) options="login status logout --password-file --json --help" ;;
    scheduler | worker) options="--config --help" ;;
    audit) options="query verify replay --log --json --help" ;;
    sandbox) options="list --config --socket --json --help" ;;
    exec) options="--timeout --config --socket --help" ;;
    image) options="pull build list inspect remove --root --platform --ca-file --agent --json --help" ;;
    cluster) options="dev --dir --help" ;;
    version) options="--json --help" ;;
    completion) options="bash zsh --help" ;;
    help) options="wrap start stop stats explain inspect clean cache config doctor auth scheduler worker audit sandbox exec image cluster version completion help --help" ;;
    wrap)
      if ((COMP_CWORD == 2)); then
        _hpcc_reply -W "$(_hpcc_compilers "$cur")" -- "$cur"
        return
      fi
      ;;
  esac

  # The rest of a compile is the compiler's own business.
  if [[ -z ${options-} ]]; then
    offset=1
    [[ $command == wrap ]] && offset=2
    if declare -F _command_offset >/dev/null; then
      _command_offset "$offset"
    else
      _hpcc_reply -f -- "$cur"
      compopt -o filenames 2>/dev/null
    fi
    return
  fi

  case $prev in
    --max-size)
      _hpcc_reply -W "1G 5G 10G 20G" -- "$cur"
      return
      ;;
    --max-age)
      _hpcc_reply -W "1d 7d 30d 90d" -- "$cur"
      return
      ;;
  esac
  if [[ $cur != -* && ($command == explain || $command == inspect) ]]; then
    _hpcc_reply -f -- "$cur"
    compopt -o filenames 2>/dev/null
    return
  fi
  _hpcc_reply -W "$options" -- "$cur"
}

complete -F _hpcc hpcc

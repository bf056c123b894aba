# shellcheck shell=bash disable=SC2034,SC2154 # it shares its variables with the launcher that sources it
# What the launchers share, and source: flags, dry runs, the wheel that is sent to a machine.

shopt -s inherit_errexit
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dry_run=
trainer=() # flags of futurepred-jax

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# The comment at the top of a launcher is its help.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

quoted() {
  local words
  words=$(printf '%q ' "$@")
  printf '%s' "${words% }"
}

# parse VERB --flag=value --switch … -- FLAGS OF FUTUREPRED-JAX
# Sets $verb, $trainer and, for each of the array $flags, the variable of its name; a switch, of $switches, becomes yes.
parse() {
  local key
  [[ " $* " != *" --help "* ]] || { usage && exit 0; }
  verb=${1:-}
  [[ " ${verbs[*]} " == *" $verb "* ]] || fail "say first what to do, one of ${verbs[*]}; --help tells more"
  shift
  while (($#)); do
    key=${1%%=*} key=${key#--}
    case $1 in
      --dry-run) dry_run=yes ;;
      --) trainer=("${@:2}") && break ;;
      --*=*)
        [[ " ${flags[*]} " == *" $key "* ]] || fail "unknown flag --$key=: known are ${flags[*]/#/--}"
        printf -v "${key//-/_}" %s "${1#*=}"
        ;;
      --*)
        [[ " ${switches[*]} " == *" $key "* ]] || fail "unknown switch --$key: known are dry-run ${switches[*]}"
        printf -v "${key//-/_}" yes
        ;;
      *) fail "unexpected argument $1: flags of futurepred-jax come after --" ;;
    esac
    shift
  done
}

need() {
  local key value
  for key in "$@"; do
    value=${key//-/_}
    [[ -n ${!value} ]] || fail "$verb needs --$key=…; --help tells what it is"
  done
}

# A launcher trains until all is done, in STORE/NAME: flags that say otherwise are refused.
need_training() {
  local flag
  ((${#trainer[@]})) || fail "say what to train after --, such as -- --config=baseline:small"
  for flag in "${trainer[@]}"; do
    [[ ! $flag =~ ^--?(mode|workdir)(=|$) ]] || fail "$flag: the workdir is STORE/NAME, and the mode is run"
  done
}

# Does what changes something; a dry run only says it.
run() {
  printf '+ %s\n' "$(quoted "$@")" >&2
  [[ -n $dry_run ]] || "$@"
}

# Asks something; a dry run only says it, and then finds nothing there.
ask() {
  if [[ -n $dry_run ]]; then
    printf '? %s\n' "$(quoted "$@")" >&2
  else
    "$@"
  fi
}

# pack FOLDER PLACE: puts machine.sh and train.sh into FOLDER, which will be PLACE on the machine, and the wheel that is
# to be installed: --source, or that of this checkout. A source that is no file is left for the machine to fetch, such as
# git+https://…. Sets $requirement, what machine.sh is to install.
pack() {
  cp "$root/launch/machine.sh" "$root/launch/train.sh" "$1"
  if [[ -z $source ]]; then
    run python3 -m pip wheel --quiet --no-deps --wheel-dir="$1" "$root"
    requirement=$2/$(basename "$(compgen -G "$1/*.whl" || echo futurepred_jax.whl)")
  elif [[ -f $source ]]; then
    cp "$source" "$1"
    requirement=$2/$(basename "$source")
  elif [[ $source == *://* ]]; then
    requirement=$source
  else
    fail "--source=$source: neither a file nor an address that pip takes"
  fi
}

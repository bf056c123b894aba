#!/usr/bin/env bash
# Installs futurepred_jax on the machine where it is to train, into a virtual environment of its own.
#
#   machine.sh SOURCE EXTRA
#
# SOURCE is a wheel, a checkout, or an address that pip takes; EXTRA is tpu, cuda or none. It goes to
# ${FUTUREPRED_HOME:-~/futurepred}/venv, with Python 3.12 whatever the system's own is: TPU images have 3.10.
# A second call installs what has changed.
set -euo pipefail

[[ $# == 2 ]] || { sed -n '2,/^set/{s/^# \{0,1\}//p;}' "$0" && exit 2; }
address=$1 extra=$2 home=${FUTUREPRED_HOME:-$HOME/futurepred}
mkdir -p "$home"
[[ ! -e $address ]] || address=file://$(realpath "$address")
[[ $extra == none ]] && extra= || extra="[$extra]"

if ! command -v uv >/dev/null; then
  python3 -m venv "$home/tools" 2>/dev/null || {
    sudo apt-get -qq -o DPkg::Lock::Timeout=600 update
    sudo apt-get -qq -o DPkg::Lock::Timeout=600 install python3-venv
    python3 -m venv "$home/tools"
  }
  "$home/tools/bin/pip" install --quiet uv
  PATH=$home/tools/bin:$PATH
fi
[[ -x $home/venv/bin/python ]] || uv venv --quiet --python 3.12 "$home/venv"
uv pip install --quiet --python "$home/venv/bin/python" "futurepred-jax$extra @ $address"
"$home/venv/bin/futurepred-jax" --version

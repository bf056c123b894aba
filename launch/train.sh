#!/usr/bin/env bash
# Trains in WORKDIR (a folder, or gs://…) with what machine.sh has installed, until all is done.
#
#   train.sh WORKDIR FLAGS OF FUTUREPRED-JAX…
#
# Exits with 0 when all is done, with 143 when it was stopped and has saved (the same command resumes), with another
# number when it failed.
set -euo pipefail

bin=${FUTUREPRED_HOME:-$HOME/futurepred}/venv/bin
stopped='' training=''
trap 'stopped=yes; [[ -z $training ]] || kill -TERM "$training"' TERM
"$bin/futurepred-jax" --workdir="$1" "${@:2}" &
training=$!
[[ -z $stopped ]] || kill -TERM "$training"
code=0
wait "$training" || code=$?
while kill -0 "$training" 2>/dev/null; do # a signal ends `wait`, not the training
  code=0
  wait "$training" || code=$?
done
exit "$code"

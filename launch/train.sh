#!/usr/bin/env bash
# Trains in WORKDIR (a folder, or gs://…) with what machine.sh has installed, until the report is there.
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
((code == 0)) || exit "$code"
[[ -z $stopped ]] || exit 143

# Another host may have been told to stop, or be writing the report.
"$bin/python" - "$1/report/index.html" <<'END' || exit 143
import sys
import time

from etils import epath

report = epath.Path(sys.argv[1])
for _ in range(60):
    if report.exists():
        sys.exit()
    time.sleep(1)
sys.exit("stopped before the report: start it again")
END

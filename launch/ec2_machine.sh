#!/usr/bin/env bash
# What an EC2 machine does from its first start: installs, fetches the runs from S3, trains, keeps S3 up to date, and
# switches itself off, which terminates it. ec2_gpu.sh sends this file as user-data, with its arguments set.
#
#   ec2_machine.sh NAME STORE SOURCE HOURS FLAGS OF FUTUREPRED-JAX…
set -euo pipefail

name=$1 store=$2 address=$3 hours=$4
shift 4
export HOME=${HOME:-/root} FUTUREPRED_HOME=${FUTUREPRED_HOME:-/opt/futurepred}
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
every=300 # seconds from one upload to the next
training='' uploading='' told='' state=failed

shutdown -h "+$((60 * hours))" # whatever happens below
mkdir -p "$FUTUREPRED_HOME/runs"
cd "$FUTUREPRED_HOME"
exec > >(tee -a log.txt) 2>&1

note() { aws s3 cp --only-show-errors - "$store/.launch/$name/state" <<<"$1"; }

# Checkpoints that are not yet whole stay here; clips are drawn anew from their seed.
upload() {
  aws s3 sync --only-show-errors --exclude 'clips/*' --exclude '*checkpoint-tmp*' runs "$store"
  aws s3 cp --only-show-errors log.txt "$store/.launch/$name/log.txt"
}

finish() {
  trap - EXIT
  upload || echo "the last upload failed"
  note "$state" || echo "the state was not noted"
  shutdown -h now
}
trap finish EXIT
trap 'state=interrupted; exit 143' TERM

# Spot machines are told two minutes ahead.
called_back() {
  local token
  token=$(curl -fs -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/latest/api/token") &&
    curl -fs -m 2 -o /dev/null -H "X-aws-ec2-metadata-token: $token" "$metadata/latest/meta-data/spot/instance-action"
}

stop() {
  [[ -z $told ]] || return 0
  told=yes
  echo "the machine is called back: saving"
  kill -TERM "$training"
}

note running
aws s3 cp --only-show-errors --recursive "$store/.launch/$name/package" package
bash package/machine.sh "$address" cuda
aws s3 sync --only-show-errors --exclude '.launch/*' "$store" runs

bash package/train.sh "runs/$name" "$@" &
training=$!
trap stop TERM
last=$SECONDS
while kill -0 "$training" 2>/dev/null; do
  ! called_back || stop
  if ((SECONDS - last >= every)) && ! kill -0 "$uploading" 2>/dev/null; then
    last=$SECONDS
    upload &
    uploading=$!
  fi
  sleep 2
done
code=0
wait "$training" || code=$?
case $code in
  0) state=finished ;;
  143) state=interrupted ;;
esac

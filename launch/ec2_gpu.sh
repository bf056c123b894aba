#!/usr/bin/env bash
# Trains on one EC2 GPU machine, a spot one unless told otherwise, which terminates itself when it is done.
#
#   launch/ec2_gpu.sh up --name=NAME --store=s3://BUCKET/PREFIX --instance-profile=PROFILE -- --config=baseline:small
#   launch/ec2_gpu.sh watch …the same…     up, and again after every interruption until it has finished; then down
#   launch/ec2_gpu.sh status|logs|down --name=NAME --store=s3://BUCKET/PREFIX
#
#   --name              of the workdir, STORE/NAME, and of all that is made: tagged futurepred=NAME
#   --store             where the runs are kept; one for each experiment. A later `up` resumes from it
#   --instance-profile  an IAM instance profile whose role may s3:ListBucket, s3:GetObject and s3:PutObject there
#   --type              g6.xlarge (one L4); any NVIDIA type
#   --hours             24: the machine is off by then, whatever happens
#   --disk              150 GB
#   --key-name          an EC2 key pair for SSH; without one no port is open
#   --ssh-from          who may use it, 1.2.3.4/32; by default this machine's address
#   --source            the wheel to install, or an address that pip takes; by default this checkout
#   --on-demand         dearer, and never interrupted
#   --dry-run           says what it would do
#
# It costs by the second until it is terminated: `down` makes sure. New accounts may have a quota of 0: ask for
# "Running On-Demand G and VT instances" (L-DB2E81BA) or "All G and VT Spot Instance Requests" (L-3819A6DF), in vCPUs.
# A price: aws ec2 describe-spot-price-history --instance-types g6.xlarge --product-descriptions Linux/UNIX
# Credentials and region are those of the aws command.
set -euo pipefail
source "$(dirname "$0")/common.sh"

verbs=(up watch status logs down)
flags=(name store instance-profile type hours disk key-name ssh-from source)
switches=(on-demand)
name='' store='' instance_profile='' type=g6.xlarge hours=24 disk=150 key_name='' ssh_from='' source='' on_demand=''
image=/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id
parse "$@"
need name store
[[ $name =~ ^[a-z0-9-]+$ ]] || fail "--name=$name: small letters, digits and - only"
[[ $store == s3://?*/?* ]] || fail "--store=$store: it must be s3://BUCKET/PREFIX"
[[ $hours =~ ^[1-9][0-9]*$ ]] || fail "--hours=$hours: it must be a whole number"
pause=${FUTUREPRED_WATCH_SECONDS:-60}
store=${store%/} place=${store%/}/.launch/$name label=futurepred-$name

machines() { # ID STATE of those that cost something
  ask aws ec2 describe-instances --output text --query 'Reservations[].Instances[].[InstanceId,State.Name]' \
    --filters "Name=tag:futurepred,Values=$name" 'Name=instance-state-name,Values=pending,running,stopping,stopped'
}

groups() {
  ask aws ec2 describe-security-groups --output text --query 'SecurityGroups[].GroupId' \
    --filters "Name=tag:futurepred,Values=$name"
}

state() { ask aws s3 cp --only-show-errors "$place/state" - 2>/dev/null || echo none; }

tags() { echo "ResourceType=$1,Tags=[{Key=Name,Value=$label},{Key=futurepred,Value=$name}]"; }

open_group() { # no way in, but for SSH from the caller where there is a key
  local group
  group=$(groups)
  if [[ -z $group ]]; then
    group=$(run aws ec2 create-security-group --group-name "$label" --description "futurepred $name" \
      --tag-specifications "$(tags security-group)" --query GroupId --output text)
    if [[ -n $key_name ]]; then
      [[ -n $ssh_from ]] || ssh_from=$(ask curl -fsS https://checkip.amazonaws.com)/32
      run aws ec2 authorize-security-group-ingress --group-id "${group:-GROUP}" --protocol tcp --port 22 \
        --cidr "$ssh_from" >/dev/null
    fi
  fi
  echo "${group:-GROUP}"
}

start() {
  local group ami market
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"; close' EXIT # a launch that fails leaves nothing behind
  mkdir "$folder/package"
  pack "$folder/package" package
  {
    echo '#!/usr/bin/env bash'
    echo "set -- $(quoted "$name" "$store" "$requirement" "$hours" "${trainer[@]}")"
    cat "$root/launch/ec2_machine.sh"
  } >"$folder/user-data"
  run aws s3 cp --only-show-errors --recursive "$folder/package" "$place/package"
  run aws s3 rm --only-show-errors "$place/state"
  ami=$(ask aws ssm get-parameter --name "$image" --query Parameter.Value --output text)
  group=$(open_group)
  market=(--instance-market-options 'MarketType=spot,SpotOptions={SpotInstanceType=one-time}')
  [[ -z $on_demand ]] || market=()
  run aws ec2 run-instances --image-id "${ami:-AMI}" --instance-type "$type" --security-group-ids "$group" \
    --iam-instance-profile "Name=$instance_profile" ${key_name:+--key-name "$key_name"} "${market[@]}" \
    --instance-initiated-shutdown-behavior terminate --metadata-options HttpTokens=required \
    --block-device-mappings "DeviceName=/dev/sda1,Ebs={VolumeSize=$disk,VolumeType=gp3,DeleteOnTermination=true}" \
    --tag-specifications "$(tags instance)" "$(tags volume)" --user-data "file://$folder/user-data" \
    --query 'Instances[].InstanceId' --output text
  rm -rf "$folder"
  trap - EXIT
}

up() {
  local found
  need instance-profile
  need_training
  found=$(machines)
  if [[ -n $found ]]; then
    echo "already there: $found"
  else
    start
  fi
  echo "it costs until: $0 down --name=$name --store=$store"
}

close() {
  local ids found group
  ids=$(machines | cut -f1)
  if [[ -n $ids ]]; then
    # shellcheck disable=SC2086 # one word each
    run aws ec2 terminate-instances --instance-ids $ids --query 'TerminatingInstances[].InstanceId' --output text
    # shellcheck disable=SC2086
    run aws ec2 wait instance-terminated --instance-ids $ids
  fi
  found=$(groups)
  for group in $found; do
    run aws ec2 delete-security-group --group-id "$group" >/dev/null
  done
}

case $verb in
  up) up ;;
  status) echo "machines: $(machines), state: $(state)" ;;
  logs) ask aws s3 cp --only-show-errors "$place/log.txt" - ;;
  down)
    close
    echo "nothing of $name is left but $store"
    ;;
  watch)
    up
    while [[ -z $dry_run ]]; do
      while [[ -n $(machines) ]]; do sleep "$pause"; done
      [[ ! $(state) =~ finished|failed ]] || break
      until "$0" up "${@:2}"; do sleep "$pause"; done # there may be no machine to be had for a while
    done
    close
    echo "$name: $(state). Its log: $0 logs --name=$name --store=$store"
    ;;
esac

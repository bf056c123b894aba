#!/usr/bin/env bash
# Trains on TPU slices of a GKE cluster, through xpk; started anew by itself when a spot slice is taken away.
#
#   launch/xpk.sh cluster --cluster=CLUSTER --zone=ZONE --type=v5litepod-16 [--slices=2]
#   launch/xpk.sh up --name=NAME --cluster=CLUSTER --zone=ZONE --type=v5litepod-16 --store=gs://BUCKET/PREFIX \
#     -- --config=baseline:small
#   launch/xpk.sh status|logs|down --name=NAME --cluster=CLUSTER --zone=ZONE
#   launch/xpk.sh down-cluster --cluster=CLUSTER --zone=ZONE
#
#   --name      of the workload, and of the workdir, STORE/NAME
#   --cluster   made once, by the verb of that name, and there until down-cluster
#   --zone --type --project --source --on-demand   as for launch/tpu_vm.sh
#   --slices    1: how many slices train together
#   --store     where the runs are kept; one for each experiment. The same `up` resumes from it
#   --dry-run   says what it would do; xpk's own --dry-run then tells more
#
# It needs xpk (pip install xpk), gcloud, kubectl and docker. The cluster's slices cost by the chip and second, and its
# control plane and CPU nodes do too when nothing runs: down-cluster ends it. Quotas are those of TPUs in the zone.
set -euo pipefail
source "$(dirname "$0")/common.sh"

verbs=(cluster up status logs down down-cluster)
flags=(name cluster zone type slices store project source)
switches=(on-demand)
name='' cluster='' zone='' type='' slices=1 store='' project='' source='' on_demand=''
parse "$@"
need cluster zone
[[ -z $store || $store == gs://?*/?* ]] || fail "--store=$store: it must be gs://BUCKET/PREFIX"
place=(--cluster="$cluster" --zone="$zone" ${project:+--project="$project"})
slice=(--tpu-type="$type" --num-slices="$slices" --spot)
[[ -z $on_demand ]] || slice=("${slice[@]:0:2}" --on-demand)

up() {
  local line
  need name type store
  need_training
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  pack "$folder" .
  line="bash machine.sh $(quoted "$requirement") tpu && exec bash train.sh $(quoted "$store/$name" "${trainer[@]}")"
  run xpk workload create --workload="$name" "${place[@]}" "${slice[@]}" --max-restarts=1000 \
    --termination-grace-period-seconds=120 --base-docker-image=python:3.12 --script-dir="$folder" --command="$line"
  echo "it costs until: $0 down-cluster --cluster=$cluster --zone=$zone${project:+ --project=$project}"
}

case $verb in
  cluster) need type && run xpk cluster create "${place[@]}" "${slice[@]}" ;;
  up) up ;;
  status) run xpk workload list "${place[@]}" ${name:+--filter-by-job="$name"} ;;
  logs) need name && run kubectl logs --follow --tail=100 --selector="jobset.sigs.k8s.io/jobset-name=$name" ;;
  down) need name && run xpk workload delete --workload="$name" "${place[@]}" ;;
  down-cluster) run xpk cluster delete "${place[@]}" ;;
esac

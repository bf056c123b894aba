#!/usr/bin/env bash
# Trains on a Cloud TPU slice of one host or many, asked for as a queued resource, a spot one unless told otherwise.
#
#   launch/tpu_vm.sh up --name=NAME --zone=ZONE --type=v5litepod-8 --store=gs://BUCKET/PREFIX -- --config=baseline:small
#   launch/tpu_vm.sh watch …the same…     up, and again after every preemption until it has finished; then down
#   launch/tpu_vm.sh status|logs|down --name=NAME --zone=ZONE
#
#   --name      of the slice, and of the workdir, STORE/NAME
#   --zone      where; https://cloud.google.com/tpu/docs/regions-zones tells which types there are where
#   --type      the accelerator type: v4-8, v5litepod-8, v5p-128, v6e-256 …
#   --store     where the runs are kept; one for each experiment. The same `up` resumes from it
#   --project   by default gcloud's own
#   --runtime   the image; by default the one that belongs to the type
#   --source    the wheel to install, or an address that pip takes; by default this checkout
#   --on-demand dearer, and never preempted
#   --direct    a TPU VM at once or not at all, instead of a queued resource
#   --dry-run   says what it would do
#
# It costs by the chip and second until it is deleted: `down` makes sure, and `watch` calls it at the end. Quotas are by
# zone, type and spot or not ("TPU v5 lite pod cores", "preemptible" for spot): without one a request is refused, or
# waits as WAITING_FOR_RESOURCES. `gcloud auth login` comes first; the slice reads and writes the store as its service
# account, which needs roles/storage.objectAdmin on the bucket.
set -euo pipefail
source "$(dirname "$0")/common.sh"

verbs=(up watch status logs down)
flags=(name zone type store project runtime source)
switches=(on-demand direct)
name='' zone='' type='' store='' project='' runtime='' source='' on_demand='' direct=''
parse "$@"
need name zone
[[ $name =~ ^[a-z][a-z0-9-]*$ ]] || fail "--name=$name: a small letter, then small letters, digits and - only"
[[ -z $store || $store == gs://?*/?* ]] || fail "--store=$store: it must be gs://BUCKET/PREFIX"
pause=${FUTUREPRED_WATCH_SECONDS:-60}
place=(--zone="$zone" ${project:+--project="$project"})
queue=(gcloud compute tpus queued-resources)
vm=(gcloud compute tpus tpu-vm)
kind=("${queue[@]}")
[[ -z $direct ]] || kind=("${vm[@]}")

# On every worker. Files lie in the home folder of the user that gcloud logs in as.
workers() { run "${vm[@]}" ssh "$name" "${place[@]}" --worker=all --command="$1"; }

image() {
  case $type in
    v6e-*) echo v2-alpha-tpuv6e ;;
    v5p-*) echo v2-alpha-tpuv5 ;;
    v5litepod-*) echo v2-alpha-tpuv5-lite ;;
    v2-* | v3-* | v4-*) echo tpu-ubuntu2204-base ;;
    *) fail "--type=$type: no image is known for it, say --runtime=…" ;;
  esac
}

# ACTIVE (a queue) or READY (a VM) when it runs; none only where gcloud says that there is none.
state() {
  local field=state.state errors
  [[ -z $direct ]] || field=state
  if { errors=$(ask "${kind[@]}" describe "$name" "${place[@]}" --format="value($field)" 2>&1 >&3); } 3>&1; then
    printf '%s' "${errors:+$errors$'\n'}" >&2
  else
    [[ $errors == *NOT_FOUND* ]] || fail "$errors"
    echo none
  fi
}

# How it goes on the first worker: running, finished, stopped, failed, or none where it was not started.
training() {
  ask "${vm[@]}" ssh "$name" "${place[@]}" --worker=0 \
    --command='if pgrep -f "[v]env/bin/futurepred-jax" >/dev/null; then echo running; else cat futurepred/state; fi' \
    2>/dev/null || echo none
}

create() {
  local spot=(--spot)
  [[ -z $on_demand ]] || spot=()
  if [[ -n $direct ]]; then
    run "${vm[@]}" create "$name" "${place[@]}" --accelerator-type="$type" --version="$runtime" "${spot[@]}"
  else
    run "${queue[@]}" create "$name" "${place[@]}" --node-id="$name" --accelerator-type="$type" \
      --runtime-version="$runtime" "${spot[@]}"
  fi
}

delete() {
  local force=(--force)
  [[ -z $direct ]] || force=()
  run "${kind[@]}" delete "$name" "${place[@]}" "${force[@]}" --quiet
}

# A preempted slice must be deleted before another of its name can be asked for.
obtain() {
  local found
  found=$(state)
  while [[ ! $found =~ ^(ACTIVE|READY)$ ]]; do
    case ${found:-none} in
      none) create ;;
      SUSPENDED | FAILED | PREEMPTED | TERMINATED) delete ;;
      *)
        echo "$name: $found" >&2
        sleep "$pause"
        ;;
    esac
    [[ -z $dry_run ]] || return 0
    found=$(state)
  done
}

# All workers run the same program and find each other. The lock keeps a second start from doing anything.
start() {
  local line
  line="bash package/train.sh $(quoted "$store/$name" "${trainer[@]}")"
  line="rm -f futurepred/state; $line; case \$? in 0) echo finished ;; 143) echo stopped ;; *) echo failed ;; esac"
  run "${vm[@]}" scp "$folder/package" "$name:" "${place[@]}" --worker=all --recurse
  workers "bash package/machine.sh $(quoted "$requirement") tpu"
  line="flock -n futurepred/lock bash -c $(quoted "$line >futurepred/state")"
  workers "nohup $line >>futurepred/log.txt 2>&1 </dev/null &"
}

tell_the_cost() {
  rm -rf "$folder"
  echo "it costs until: $0 down --name=$name --zone=$zone${project:+ --project=$project}${direct:+ --direct}"
}

up() {
  need type store
  need_training
  [[ -n $runtime ]] || runtime=$(image)
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mkdir "$folder/package"
  pack "$folder/package" package
  trap tell_the_cost EXIT
  obtain
  if [[ $(training) == running ]]; then
    echo "$name trains already"
  else
    start
  fi
  trap - EXIT
  tell_the_cost
}

case $verb in
  up) up ;;
  status) echo "slice: $(state), training: $(training)" ;;
  logs) run "${vm[@]}" ssh "$name" "${place[@]}" --worker=0 --command='tail -n 100 -F futurepred/log.txt' ;;
  down)
    found=$(state)
    [[ $found == none ]] || delete
    echo "nothing of $name is left but its store"
    ;;
  watch)
    up
    said=$(training)
    while [[ -z $dry_run && ! $said =~ finished|failed ]]; do
      [[ $said == running ]] || "$0" up "${@:2}" || echo "again in $pause s" >&2
      sleep "$pause"
      said=$(training)
    done
    [[ $said != failed ]] || workers 'tail -n 50 futurepred/log.txt'
    delete
    echo "$name: $said. Its results are in $store/$name"
    ;;
esac

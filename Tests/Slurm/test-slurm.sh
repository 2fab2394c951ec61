#!/usr/bin/env bash
# Runs a pipeline on a Slurm cluster of this machine alone, kills and requeues a task on the way, and compares the
# results with those of one run. Must be called as the superuser, who alone may start slurmd; DEFT names the program.
set -euo pipefail
DEFT=$(realpath "${DEFT:-.build/release/deft}")
package=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "test-slurm starts slurmd and needs the superuser" >&2; exit 1; }

unset SLURM_CONF
cluster=$(mktemp -d)
chmod 755 "$cluster"
work=$cluster/work
mkdir -p "$cluster/state" "$cluster/spool" "$work"
pids=()
finish() {
  local code=$?
  # Only where it is this cluster that is asked.
  [ -z "${SLURM_CONF:-}" ] || scancel --user=root 2>/dev/null || true
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  [ $code = 0 ] || tail -n 20 "$cluster"/*.log "$work"/out/shards/*.log 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$cluster"
  exit $code
}
trap finish EXIT

# A cluster of its own: own key, own ports, own state.
dd if=/dev/urandom of="$cluster/key" bs=1024 count=1 status=none
chmod 400 "$cluster/key"
munged --force --foreground --key-file="$cluster/key" --socket="$cluster/munge.socket" --num-threads=2 \
  --pid-file="$cluster/munge.pid" --seed-file="$cluster/seed" --log-file="$cluster/munged.log" 2> /dev/null &
pids+=($!)
host=$(hostname -s)
cat > "$cluster/slurm.conf" <<CONF
ClusterName=deft
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=27817
SlurmdPort=27818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,requeue_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
KillWait=2
MinJobAge=600
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$cluster/slurm.conf
for _ in $(seq 100); do
  [ -S "$cluster/munge.socket" ] && break
  sleep 0.1
done
[ -S "$cluster/munge.socket" ] || { echo "munged does not start" >&2; exit 1; }
slurmctld -D -i 2>/dev/null & pids+=($!)
slurmd -D 2>/dev/null & pids+=($!)
for _ in $(seq 100); do
  [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && break
  sleep 0.2
done
[ "$(sinfo --noheader --format=%T)" = idle ] || { echo "the cluster does not come up" >&2; exit 1; }

# A scan of 24 slices, and what one run makes of it.
cd "$work"
cat > pipeline.yaml <<YAML
geometry:
  angles: {count: 60, range: 180}
  bins: 96
  binSpacing: 6
  image: {size: 64, spacing: 6}
noise: {relative: 0.01}
reconstructions:
  - {method: tv, lambda: 1.0e-3, steps: 4000}
YAML
"$DEFT" simulate pipeline.yaml --phantom "$package/phantoms/thorax.yaml" --slices 24 --noise 0.01 --seed 1 \
  --output scan.tif 2> /dev/null
"$DEFT" run pipeline.yaml --input scan.tif --output whole > /dev/null 2>&1 || [ $? = 3 ]

submitted=$("$DEFT" submit pipeline.yaml --input scan.tif --output out --shards 4 --cores 1)
echo "$submitted"
job=$(sed -n 's/^job \([0-9]*\): .*tasks.*/\1/p' <<< "$submitted")
merge=$(sed -n 's/^job \([0-9]*\): joins.*/\1/p' <<< "$submitted")

# The first task is killed after its first slice, and Slurm runs it again.
for _ in $(seq 600); do
  [ "$(cat out/shards/1/run/journal.jsonl 2>/dev/null | wc -l)" -ge 2 ] && break
  sleep 0.05
done
pkill -KILL -f "$work/out/shards/1 --threads" || { echo "no task to kill" >&2; exit 1; }
sleep 0.2
done_before=$(($(wc -l < out/shards/1/run/journal.jsonl) - 1))
scontrol requeue "${job}_1"
# Slurm would wait two minutes before it starts it again.
for _ in $(seq 100); do
  [ "$(squeue --noheader --jobs="${job}_1" --format=%T 2> /dev/null)" = PENDING ] &&
    scontrol update "jobid=${job}_1" starttime=now && break
  sleep 0.2
done

for _ in $(seq 600); do
  [ -z "$(squeue --noheader --jobs="$job,$merge" 2>/dev/null)" ] && break
  sleep 0.2
done
state=$(scontrol show job "$merge" | sed -n 's/.*JobState=\([A-Z]*\).*/\1/p')
restarts=$(scontrol show job "${job}_1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p' | head -1)
[ "$restarts" -ge 1 ] || { echo "the killed task was not requeued" >&2; exit 1; }
[ "$done_before" -ge 1 ] && grep -q "^$done_before slices\? .* done already" out/shards/array-1.log || {
  echo "the requeued task did not go on after its $done_before slices" >&2; exit 1; }
for file in volume.tif verdict.json picture.png; do
  cmp "out/$file" "whole/$file"
done
echo "merge $state; task 1 killed after $done_before slices and requeued $restarts time(s); same bytes as one run"

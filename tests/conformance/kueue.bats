#!/usr/bin/env bats
# bats file_tags=needs:kueue
# Jobs in queues of a real Kueue, on a cluster of this file, because Kueue cannot be removed from a cluster.

setup_file() {
  load test_helper
  export CLUSTER_STATE=$BATS_FILE_TMPDIR/cluster
  "$GKE_JOB_PYTHON" -m k8s start --state "$CLUSTER_STATE"
  "$GKE_JOB_PYTHON" -m k8s.queues --state "$CLUSTER_STATE"
  # shellcheck disable=SC1091 # written by the cluster
  source "$CLUSTER_STATE/env"
  use_generated_namespace
  kubectl create --filename - >/dev/null <<'END'
{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "WorkloadPriorityClass", "metadata": {"name": "middle"}, "value": 10},
  {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 100}]}
END
}

setup() { load test_helper; }

teardown() { end_children; }

teardown_file() { "$GKE_JOB_PYTHON" -m k8s stop --state "$CLUSTER_STATE"; }

# Creates a ClusterQueue with an amount of cpu, and a LocalQueue with the same name. SPEC: JSON, fields of the ClusterQueue.
create_queue() { # NAME CPU [SPEC]
  "$GKE_JOB_PYTHON" -c '
import json, sys
name, cpu, more = sys.argv[1:]
quotas = [{"name": "cpu", "nominalQuota": cpu}, {"name": "memory", "nominalQuota": "8Gi"}]
flavors = [{"name": "default", "resources": quotas}]
groups = [{"coveredResources": ["cpu", "memory"], "flavors": flavors}]
spec = {"namespaceSelector": {}, "resourceGroups": groups, **json.loads(more)}
version = "kueue.x-k8s.io/v1beta2"
print(json.dumps({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": version, "kind": "ClusterQueue", "metadata": {"name": name}, "spec": spec},
    {"apiVersion": version, "kind": "LocalQueue", "metadata": {"name": name}, "spec": {"clusterQueue": name}}]}))
' "$1" "$2" "${3:-{\}}" | kubectl create --filename - >/dev/null
  kubectl wait --for condition=Active "localqueue/$1" --timeout 30s >/dev/null
}

# Writes the values of a Job with 100m cpu in a queue, whose container runs a shell command; prints the file's path. MORE is
# JSON.
queued() { # QUEUE SHELL-COMMAND [MORE]
  local file=$BATS_TEST_TMPDIR/values-$RANDOM.json
  "$GKE_JOB_PYTHON" -c '
import json, sys
queue, command, more = sys.argv[1:]
print(json.dumps({"image": "busybox:1.37", "command": ["sh", "-c", command], "queue": queue, "retries": 0,
                  "resources": {"requests": {"cpu": "100m"}}, "termination_grace_seconds": 1, **json.loads(more)}))
' "$1" "$2" "${3:-{\}}" >"$file"
  printf '%s\n' "$file"
}

submit() { # NAME QUEUE SHELL-COMMAND [MORE]
  run_script submit-job --template batch-job --name "$1" --values "$(queued "${@:2}")"
  assert_success
}

# Submits a Job that uses its quota until it is deleted.
hold() { # NAME QUEUE [MORE]
  submit "$1" "$2" 'trap exit TERM; sleep 600 & wait' "${3:-{\}}"
  wait_until is_admitted "$1"
}

is_admitted() { # JOB
  [[ $(field "$1" '{.status.startTime}') ]]
}

is_running() { # JOB
  [[ $(field "$1" '{.status.ready}') == 1 ]]
}

# Follows a Job in the background, with the log $BATS_TEST_TMPDIR/NAME.log.
follow() { # NAME [OPTION...]
  bash "$REPOSITORY/scripts/follow-job" --job "$@" 2>"$BATS_TEST_TMPDIR/$1.log" 3>&- &
}

logs() { # NAME REGEX
  wait_until grep --extended-regexp "$2" "$BATS_TEST_TMPDIR/$1.log"
}

delete() { # JOB...
  kubectl delete job "$@" --wait=false >/dev/null
}

workload() { # JOB
  kubectl get workloads --selector "kueue.x-k8s.io/job-uid=$(field "$1" '{.metadata.uid}')" --output name
}

# Succeeds if Kueue reports TEXT as the reason why it reserves no quota for a Job.
reason() { # JOB TEXT
  kubectl get "$(workload "$1")" --output 'jsonpath={.status.conditions[?(@.type=="QuotaReserved")].message}' |
    grep --quiet --fixed-strings -- "$2"
}

assert_place() { # JOB NUMBER
  wait_until reason "$1" 'insufficient unused quota'
  explain "$1"
  assert_line "  Kueue: Workloads before it: $2 in its LocalQueue, $2 in its ClusterQueue"
}

# First the cases without a deletion of Jobs: the garbage collector needs up to half a minute to discover Workloads.

@test "a Job whose queue has quota is admitted, runs, and its result is returned" {
  create_queue roomy 1
  run_script run-job --template batch-job --name admitted --values "$(queued roomy 'echo 7 >/dev/termination-log')"
  assert_success
  assert_output 7
  assert_regex "$stderr" 'Job admitted is active'
}

@test "the advice names requests above the maximum capacity, and resources without a quota" {
  create_queue small 100m
  submit big small 'true' '{"resources": {"requests": {"cpu": "200m"}}}'
  submit gpu small 'true' '{"resources": {"limits": {"nvidia.com/gpu": "1"}}}'
  wait_until reason big '> maximum capacity (100m)'
  explain big
  assert_line --regexp '^advice: the request exceeds the quota of the queue'
  wait_until reason gpu 'resource nvidia.com/gpu unavailable in ClusterQueue'
  explain gpu
  assert_line --regexp '^advice: the ClusterQueue has no quota for nvidia.com/gpu'
  delete big gpu
}

@test "a missing queue is in the log, the advice and check-setup; --schedule-timeout ends the wait" {
  local values
  values=$(queued nowhere 'true')
  run_script run-job --template batch-job --name lost --values "$values" --schedule-timeout 4
  assert_failure 124
  assert_regex "$stderr" "Kueue: no quota \(Inadmissible\): LocalQueue nowhere doesn't exist"
  assert_regex "$stderr" 'advice: create the LocalQueue nowhere in the Job.s namespace, or correct .queue.'
  wait_until no_job lost
  run_script check-setup --namespace "$NAMESPACE" --profile cpu-small --template batch-job --values "$values"
  assert_failure 1
  assert_line --regexp "^failed +queue +namespace $NAMESPACE has no LocalQueue nowhere\$"
  create_queue nowhere 100m
  run_script check-setup --namespace "$NAMESPACE" --profile cpu-small --template batch-job --values "$values"
  assert_line --regexp '^ok +queue +LocalQueue nowhere is active$'
}

@test "a missing priority class: Kueue makes no Workload, and the advice names possible reasons" {
  create_queue unranked 100m
  submit unranked unranked 'true' '{"labels": {"kueue.x-k8s.io/priority-class": "missing"}}'
  explain unranked
  assert_line '  Kueue: Kueue has not created a Workload for the Job'
  assert_line --regexp '^advice: if this persists, the Job names a PriorityClass'
  delete unranked
}

@test "a Job that is evicted because its queue is drained is admitted again when the queue resumes" {
  create_queue drained 100m
  hold evicted drained
  follow evicted
  kubectl patch clusterqueue drained --type merge --patch '{"spec": {"stopPolicy": "HoldAndDrain"}}'
  logs evicted 'Kueue: .*ClusterQueue drained is inactive; evicted \(ClusterQueueStopped\): The ClusterQueue is stopped'
  explain evicted
  assert_line --regexp '^advice: ClusterQueue drained admits no Jobs'
  run_script check-setup --namespace "$NAMESPACE" --profile cpu-small --template batch-job --values "$(queued drained true)"
  assert_line --regexp '^failed +queue +LocalQueue drained is not active: '
  kubectl patch clusterqueue drained --type merge --patch '{"spec": {"stopPolicy": "None"}}'
  wait_until is_admitted evicted
  delete evicted
}

@test "a deactivated Workload is in the log and in the advice" {
  create_queue off 100m
  hold deactivated off
  follow deactivated
  kubectl patch "$(workload deactivated)" --type merge --patch '{"spec": {"active": false}}'
  logs deactivated 'Kueue: its Workload is deactivated \(spec.active is false\): Kueue does not admit it; evicted \(Deactivated\)'
  explain deactivated
  assert_line --regexp '^advice: resume it: set spec.active of its Workload to true'
  kubectl patch "$(workload deactivated)" --type merge --patch '{"spec": {"active": true}}'
  wait_until is_admitted deactivated
  delete deactivated
}

@test "a full queue: the log has reason and position, Jobs run in order, the timeline shows the wait" {
  create_queue full 100m
  hold holder full
  submit first full 'true'
  follow first
  local of_first=$! of_second why='Kueue: no quota \(Pending\): .*insufficient unused quota for cpu in flavor default, 100m more needed'
  logs first "$why; Workloads before it: 0 in its LocalQueue, 0 in its ClusterQueue\$"
  submit second full 'true'
  follow second
  of_second=$!
  logs second "$why; Workloads before it: 1 in its LocalQueue, 1 in its ClusterQueue\$"
  bash "$REPOSITORY/scripts/watch-jobs" >"$BATS_TEST_TMPDIR/events" 2>/dev/null 3>&- &
  wait_until grep '"job":"second".*"why":"Kueue: no quota' "$BATS_TEST_TMPDIR/events"
  explain second
  assert_line --partial 'Kueue: Workloads before it: 1 in its LocalQueue, 1 in its ClusterQueue'
  assert_line --regexp '^advice: it starts when other Jobs of its ClusterQueue release cpu'
  delete holder
  wait_for "$of_first"
  assert_equal "$status" 0
  wait_for "$of_second"
  assert_equal "$status" 0
  [[ $(field first '{.status.startTime}') < $(field second '{.status.startTime}') ]]
  logs second '^  time: queued [0-9]+ s, '
}

@test "Jobs with a higher WorkloadPriorityClass, or priority_class, are admitted first" {
  create_queue ranks 100m
  hold holds ranks
  submit low ranks 'sleep 600'
  submit middle ranks 'sleep 600' '{"labels": {"kueue.x-k8s.io/priority-class": "middle"}}'
  submit high ranks 'sleep 600' '{"priority_class": "high"}'
  assert_place high 0
  assert_place middle 1
  assert_place low 2
  delete holds
  wait_until is_admitted high
  assert_equal "$(conditions middle) $(conditions low)" 'Suspended=True:JobSuspended Suspended=True:JobSuspended'
  delete high middle low
}

@test "a preempted Job is suspended and queued again: follow-job logs by which Job, and continues" {
  create_queue preempting 100m '{"preemption": {"withinClusterQueue": "LowerPriority"}}'
  # shellcheck disable=SC2016 # for the shell of the container
  submit modest preempting '[ "$ENDS" ] || sleep 600; echo 7 >/dev/termination-log' \
    '{"secret_env": {"ENDS": {"name": "modest", "key": "ends", "optional": true}}}'
  wait_until is_running modest
  kubectl create secret generic modest --from-literal ends=1 # only the Pod that replaces this one reads it
  follow modest
  local of_modest=$! by='Preempted to accommodate a workload \(UID: [^)]*JobUID: '
  hold urgent preempting '{"labels": {"kueue.x-k8s.io/priority-class": "middle"}}'
  logs modest 'Job modest is suspended: it waits until Kueue admits it from queue preempting$'
  logs modest "Kueue: no quota \(Pending\): .*; evicted \(Preempted\): $by$(field urgent '{.metadata.uid}')\) due to prioritization"
  logs modest 'Pod modest-[a-z0-9]+ was deleted, and has ended with exit code 1(37|43)$'
  explain modest
  assert_line --regexp '^  Kueue: evicted \(Preempted\): '
  delete urgent
  wait_for "$of_modest"
  assert_equal "$status" 0
  logs modest '"queued":[1-9].*"backoff":0.0,.*"pods_by_outcome":\{[^}]*"removed":1'
  refute grep 'has failed' "$BATS_TEST_TMPDIR/modest.log"
  run_script collect-job --job modest
  assert_output 7
}

@test "a gang waits for the quota of all its Pods, then all Pods start" {
  create_queue gangs 200m
  hold beside gangs
  run_script submit-job --template distributed-job --name gang \
    --values "$(queued gangs 'true' '{"nodes": 2}')"
  assert_success
  follow gang
  local of_gang=$!
  logs gang 'Kueue: no quota \(Pending\): .*insufficient unused quota for cpu in flavor default, 100m more needed'
  assert no_pods gang
  delete beside
  wait_for "$of_gang"
  assert_equal "$status" 0
  assert_field gang '{.status.succeeded}' 2
}

# Makes this test a ServiceAccount with Roles of templates/.
become() { # NAME ROLE...
  kubectl create serviceaccount "$1" >/dev/null
  local role
  for role in "${@:2}"; do kubectl create rolebinding "$1-$role" --role "$role" --serviceaccount "$NAMESPACE:$1" >/dev/null; done
  act_as "$1" create
}

@test "the optional Role is enough to log the reason and the position; without it only these are missing" {
  create_queue roles 100m
  kubectl create --filename "$REPOSITORY/templates/role.yaml" --filename "$REPOSITORY/templates/role-kueue.yaml" >/dev/null
  hold occupant roles
  submit waiting roles 'echo 7 >/dev/termination-log'
  (
    become granted gke-job gke-job-kueue
    wait_until kubectl auth can-i --quiet list workloads.kueue.x-k8s.io
    explain waiting
    assert_line --partial 'Kueue: no quota (Pending)'
    assert_line --partial 'Kueue: Workloads before it: 0 in its LocalQueue'
    follow waiting
    logs waiting 'Kueue: no quota .*; Workloads before it: 0 in its LocalQueue'
    end_children
  )
  become plain gke-job
  explain waiting
  assert_line --partial 'Kueue: its Workload could not be read: permission denied'
  assert_line --partial 'templates/role-kueue.yaml is a Role for that'
  follow waiting
  local of_waiting=$!
  logs waiting 'Job waiting is suspended: it waits until Kueue admits it from queue roles'
  delete occupant
  wait_for "$of_waiting"
  assert_equal "$status" 0
  run grep 'Kueue: ' "$BATS_TEST_TMPDIR/waiting.log"
  assert_output ''
}

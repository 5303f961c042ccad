#!/usr/bin/env bats
# bats file_tags=needs:node-pools
# Jobs on node pools with an autoscaler: nodes for a profile, missing nodes, and preemption.
#
# Programs run only on the stand-in; on the nodes of k8s KWOK simulates them with annotations (tests/dev/k8s/etc/kwok.yaml).

setup_file() {
  load test_helper
  [[ $CONFORMANCE_CLUSTER != k8s ]] || "$GKE_JOB_PYTHON" -m k8s.pools start --state "$CLUSTER_STATE"
  use_generated_namespace
  profiles=$BATS_FILE_TMPDIR/team.yaml
  cat >"$profiles" <<'END'
profiles:
  scarce:
    gpu: {type: nvidia-tesla-a100, count: 1}
    resources: {requests: {cpu: "10", memory: 70Gi}, limits: {memory: 70Gi}}
    fallback: highmem
END
  export profiles
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown() { end_children; }

teardown_file() {
  delete_namespace
  [[ $CONFORMANCE_CLUSTER != k8s ]] || "$GKE_JOB_PYTHON" -m k8s.pools stop --state "$CLUSTER_STATE"
}

# Writes the values of a Pod that prints "began" and has the result 7 after some seconds, unless it is ended; prints the
# file's path.
pool_values() { # SECONDS [VALUES]
  # shellcheck disable=SC2016 # for the shell of the container
  "$GKE_JOB_PYTHON" -c '
import json, sys
seconds, values = sys.argv[1], json.loads(sys.argv[2])
command = ["sh", "-c", f"trap \"exit 143\" TERM; echo began; [ \"$ENDS\" ] || sleep {seconds} & wait; echo 7 >/dev/termination-log"]
plays = {"kwok/log": "began", "kwok/ends-after": f"{seconds}s", "kwok/message": "7"}
print(json.dumps({"image": "busybox:1.37", "command": command, "annotations": plays, **values}))
' "$1" "${2:-{\}}" >"$BATS_TEST_TMPDIR/values.json"
  printf '%s\n' "$BATS_TEST_TMPDIR/values.json"
}

# Writes the values of a Pod without retries that runs until it is ended. The Pod that replaces it has the result 7: on the
# stand-in if it starts after `let_replacements_end`, on k8s after `end_replacement`. Prints the file's path.
lasting_values() {
  pool_values 600 '{"retries": 0, "annotations": {"kwok/log": "began", "kwok/message": "7"},
    "secret_env": {"ENDS": {"name": "replacements", "key": "ends", "optional": true}}}'
}

let_replacements_end() {
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "replacements"}, "data": {"ends": "MQ=="}}'
}

# Waits until a Pod replaces $pod, and has KWOK end it.
end_replacement() { # JOB
  wait_until replacement "$1"
  kubectl annotate "$(replacement "$1")" kwok/ends-after=1s
}

replacement() { # JOB
  kubectl get pods --selector "job-name=$1" --output name | grep --invert-match --line-regexp "pod/$pod"
}

run_job() { # TEMPLATE VALUES-FILE PROFILE OPTION...
  run_script run-job --template "$1" --values "$2" --profile "$3" --profiles "$profiles" "${@:4}"
}

start_job() { # TEMPLATE VALUES-FILE PROFILE OPTION... -> follower
  bash "$REPOSITORY/scripts/run-job" --template "$1" --values "$2" --profile "$3" "${@:4}" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  follower=$!
}

# Prints the pools of the nodes of a Job's Pods, a line each.
pools_of() { # JOB
  kubectl get pods --selector "job-name=$1" --output 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' |
    sed --regexp-extended 's/^gke-ml-cluster-(.*)-[0-9]+$/\1/'
}

# Succeeds if one of a Job's Pods has an event with this reason and message.
pod_event() { # JOB REASON REGEXP
  kubectl get events --field-selector "reason=$2" \
    --output 'jsonpath={range .items[*]}{.involvedObject.name} {.message}{"\n"}{end}' | grep --quiet --extended-regexp "^$1-.* .*$3"
}

# Waits until the only Pod of a Job runs.
wait_for_pod() { # JOB -> pod
  wait_until running "$1"
  pod=$(kubectl get pods --selector "job-name=$1" --output 'jsonpath={.items[0].metadata.name}')
}

preempt_node() { # -> node
  node=$(kubectl get pod "$pod" --output 'jsonpath={.spec.nodeName}')
  kubectl taint node "$node" cloud.google.com/impending-node-termination:NoSchedule
}

running() { # JOB
  [[ $(kubectl get pods --selector "job-name=$1" --output 'jsonpath={.items[*].status.phase}') == Running ]]
}

no_node() { # NODE
  [[ -z $(kubectl get node "$1" --ignore-not-found --output name) ]]
}

@test "a node is added for a profile that fits no node, and the Job runs there" {
  run_job batch-job "$(pool_values 1)" gpu-l4-spot --name grown
  assert_success
  assert_output 7
  assert_regex "$stderr" 'is waiting for a node: 0/[0-9]+ nodes are available: '
  assert_regex "$stderr" 'running on gke-ml-cluster-gpu-l4-spot-pool-'
  assert_regex "$stderr" '\| began'
  assert pod_event grown TriggeredScaleUp 'pod triggered scale-up: \[\{gpu-l4-spot-pool 0->1 \(max: 1\)\}\]'
}

@test "explain-job reports that a node is being added" {
  run_script submit-job --template batch-job --values "$(pool_values 60)" --profile highmem --name awaited
  wait_until pod_event awaited TriggeredScaleUp 'highmem-pool'
  run_script explain-job --job awaited
  kubectl delete job awaited --wait=false
  assert_line --partial 'event TriggeredScaleUp'
}

@test "a distributed Job on a slice of TPUs gets a machine for each of its Pods" {
  run_job distributed-job "$(pool_values 1 '{"nodes": 4}')" tpu-v5e-16 --name slice
  assert_success
  assert_output '[7,7,7,7]'
  assert_equal "$(pools_of slice | uniq --count | xargs)" '4 tpu-v5e-16-pool'
}

@test "V9: a gang that does not fit waits as a whole, up to --schedule-timeout" {
  run_job distributed-job "$(pool_values 60 '{"nodes": 3}')" highmem --name gang --schedule-timeout 5
  assert_failure 124
  assert_regex "$stderr" '2 Pods? .*running'
  assert pod_event gang NotTriggerScaleUp "pod didn't trigger scale-up: .*1 max node group size reached"
  wait_until no_job gang
}

@test "an Indexed Job with more Pods than the pool has nodes continues as Pods end" {
  run_job indexed-job "$(pool_values 1 '{"items": [1, 2, 3, 4, 5], "node_pool": "default-spot-pool"}')" cpu-large-spot --name sweep
  assert_success
  assert_output '[7,7,7,7,7]'
  assert_equal "$(pools_of sweep | sort --unique)" default-spot-pool
}

@test "when Google has no machines left, the next attempt takes the fallback" {
  run_job batch-job "$(pool_values 1)" scarce --name scarce --fallback --schedule-timeout 4
  assert_failure 124
  assert_regex "$stderr" 'GCE out of resources'
  wait_for_condition Failed scarce
  AIRFLOW_CTX_TRY_NUMBER=2 run_job batch-job "$(pool_values 1)" scarce --name scarce --fallback --schedule-timeout 60
  assert_success
  assert_output 7
  assert_regex "$stderr" 'the last attempt got no nodes within 4 s with profile scarce: using highmem'
  assert_equal "$(pools_of scarce)" highmem-pool
}

@test "argo-workflows#2901: a Pod whose spot node is preempted is replaced without a failure" {
  start_job batch-job "$(lasting_values)" cpu-large-spot --name preempted
  wait_for_pod preempted
  let_replacements_end
  preempt_node
  end_replacement preempted
  wait_for "$follower"
  assert_equal "$status" 0
  assert_equal "$(tail -1 "$BATS_TEST_TMPDIR/out")" 7
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'TerminationByKubelet'
  assert_field preempted '{.status.failed} {.status.succeeded}' ' 1'
  wait_until no_node "$node"
}

@test "after a distributed Job loses a spot node, the next attempt takes the fallback of its profile" {
  start_job distributed-job "$(pool_values 600 '{"nodes": 1}')" highmem-spot --fallback --name lost
  wait_for_pod lost
  preempt_node
  wait_for "$follower"
  assert_equal "$status" 1
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'it was on a spot node'
  AIRFLOW_CTX_TRY_NUMBER=2 run_job distributed-job "$(pool_values 1 '{"nodes": 1}')" highmem-spot --fallback --name lost
  assert_success
  assert_output '[7]'
  assert_regex "$stderr" 'the last attempt had profile highmem-spot, with which 1 attempt was lost to preemption: using highmem'
  assert_equal "$(pools_of lost)" highmem-pool
}

# bats test_tags=needs:priorities
@test "a Job whose Pod is preempted by a Pod of a higher priority continues afterwards" {
  kubectl create priorityclass "$NAMESPACE" --value 1000 --description 'of this run'
  start_job batch-job "$(lasting_values)" gpu-l4-spot --name modest
  wait_for_pod modest
  run_job batch-job "$(pool_values 1 "{\"priority_class\": \"$NAMESPACE\"}")" gpu-l4-spot --name urgent
  kubectl delete priorityclass "$NAMESPACE"
  assert_success
  end_replacement modest
  wait_for "$follower"
  assert_equal "$status" 0
  assert_equal "$(tail -1 "$BATS_TEST_TMPDIR/out")" 7
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'PreemptionByScheduler'
  assert_field modest '{.status.failed} {.status.succeeded}' ' 1'
}

@test "A#56693: the result of a Pod whose node was scaled down is returned without a wait for its log" {
  run_script submit-job --template batch-job --values "$(pool_values 1)" --profile gpu-l4 --name scaled-down
  wait_for_condition Complete scaled-down
  node=$(kubectl get pods --selector job-name=scaled-down --output 'jsonpath={.items[0].spec.nodeName}')
  wait_until no_node "$node"
  run_script follow-job --job scaled-down
  assert_success
  # After a wait, for DRAIN_SECONDS of gke_jobs/following/log_streams.py, it is: could not be read completely in time.
  assert_regex "$stderr" 'the log of Pod scaled-down-[a-z0-9]+, container main, cannot be read completely'
  run_script collect-job --job scaled-down
  assert_output 7
}

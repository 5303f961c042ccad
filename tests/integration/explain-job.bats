#!/usr/bin/env bats
# shellcheck disable=SC2154 # cluster is set by cluster_options of test_helper
setup_file() {
  load test_helper
  use_own_namespace
}

setup() { load test_helper; }

explain() { # JOB [OPTION...]
  run_script explain-job --job "$1" "${@:2}"
}

# Calls the function as a follower does, also for a deleted Job. Sets status, output and stderr.
explain_as_a_follower() { # JOB UID
  # shellcheck disable=SC2016 # for the other shell
  run --separate-stderr bash -c 'source "$1/scripts/lib/bash/common.bash"
    source "$SCRIPTS/lib/bash/cluster.bash"
    options::parse "$CLUSTER_OPTIONS" "$CLUSTER_FLAGS dry-run"
    signals::install
    private_dir::make
    cluster::use
    connection::open
    PYTHONPATH=$SCRIPTS/lib "$PYTHON" -c "import sys
from gke_jobs.diagnosis.explain import explain
from gke_jobs.options import take_connection
connection, names = take_connection(sys.argv[1:])
print(explain(connection, *names).text, end=str())" "${connection[@]}" "${option[namespace]}" "$2" "$3" -- "${proxy_command[@]}"' \
    "$REPOSITORY/scripts/explain-job" "$REPOSITORY" "$1" "$2"
}

# Uses a kubeconfig with a server that accepts every connection and never answers.
use_silent_server() { # -> server (a process id)
  "$GKE_JOB_PYTHON" -c '
import signal, socket, sys
with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
    print(server.getsockname()[1], flush=True)
    signal.pause()' >"$BATS_TEST_TMPDIR/port" 3>&- &
  server=$!
  wait_until test -s "$BATS_TEST_TMPDIR/port"
  cp "$KUBECONFIG" "$BATS_TEST_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  kubectl config set "clusters.$(kubectl config view --minify --output 'jsonpath={.contexts[0].context.cluster}').server" \
    "https://127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")" >/dev/null
}

@test "a failed Job: condition, similar Pods, exit code, the last 25 log lines, all on stdout" {
  create_job failed 'seq 30; exit 3' '{"backoffLimit": 1}' >/dev/null
  kubectl wait --for condition=Failed job/failed --timeout 30s
  explain failed
  assert_success
  assert_equal "$stderr" ''
  assert_equal "${lines[0]}" 'Job failed failed: BackoffLimitExceeded: Job has reached the specified backoff limit'
  assert_line --regexp '^  [0-9]+ s from its start to its end; the Job counts 2 failed; backoffLimit 1$'
  assert_line '2 Pods alike; the newest:'
  assert_line --regexp '^Pod failed-.{5}: failed on gke-ml-cluster-default-pool-1, [0-9]+ s ago, [0-9]+ s after its start$'
  assert_line '  container main: exit code 3'
  assert_line '  the last 25 log lines of main:'
  assert_line '    | 6'
  assert_line '    | 30'
  refute_line '    | 5'
}

@test "a complete Job" {
  create_job complete 'true' >/dev/null
  kubectl wait --for condition=Complete job/complete --timeout 30s
  explain complete
  assert_success
  assert_equal "${lines[0]}" 'Job complete is complete: CompletionsReached: Reached expected number of succeeded pods'
  assert_equal "${#lines[@]}" 2
}

@test "a running Job: the Pod and its log" {
  create_job running 'echo step 7; sleep 60' >/dev/null
  wait_until sh -c 'kubectl logs job/running | grep "step 7"'
  explain running
  assert_success
  assert_equal "${lines[0]}" 'Job running is not finished: 1 Pod running'
  assert_line --regexp '^Pod running-.{5}: running on gke-ml-cluster-default-pool-1, [0-9]+ s old$'
  assert_line '    | step 7'
  kubectl delete job running --wait=false
}

@test "a Job that fits no node: messages of scheduler and autoscaler, its requests, and advice" {
  create_job unschedulable 'true' '{}' '{"resources": {"requests": {"cpu": "1000"}}}' >/dev/null
  wait_until sh -c 'kubectl get events --field-selector reason=NotTriggerScaleUp | grep unschedulable'
  explain unschedulable
  assert_success
  assert_equal "${lines[0]}" 'Job unschedulable is not finished: 1 Pod waiting for a node'
  assert_line --regexp '^  Unschedulable: 0/[0-9]+ nodes are available: [0-9]+ Insufficient cpu'
  assert_line --regexp '^  it requests cpu 1000'
  assert_line --regexp "^  event NotTriggerScaleUp, .*: pod didn't trigger scale-up: .*Insufficient cpu"
  assert_line --regexp '^advice: no node pool that fits the Pod has nodes with enough cpu'
  kubectl delete job unschedulable
}

@test "an image that may not be pulled: the registry's message, and advice" {
  create_job forbidden 'true' '{}' '{"image": "private.example/model:1"}' >/dev/null
  wait_until sh -c 'kubectl get pods --selector job-name=forbidden | grep ImagePullBackOff'
  explain forbidden
  assert_success
  assert_line --regexp '403 Forbidden'
  assert_line --regexp "^advice: let the nodes' service account read the repository"
  kubectl delete job forbidden
}

@test "a Job in a Kueue queue, on a cluster without Kueue: the request passes the proxy" {
  create_job queued 'true' '{"suspend": true}' >/dev/null
  kubectl label job queued kueue.x-k8s.io/queue-name=gpus
  kubectl wait --for condition=Suspended job/queued --timeout 30s
  explain queued
  assert_success
  assert_equal "${lines[0]}" "Job queued is suspended: it waits in Kueue's queue gpus"
  assert_line '  Kueue: the cluster has no Workloads of Kueue: is it installed?'
  assert_line --regexp '^advice: install Kueue, or leave out .queue.: '
  kubectl delete job queued --wait=false
}

@test "--uid of an older Job with the same name: 78, without an explanation" {
  create_job stranger 'true' >/dev/null
  explain stranger --uid 00000000-0000-0000-0000-000000000000
  assert_one_error 78 'another Job has its name'
}

@test "a missing Job: 78" {
  explain never-was
  assert_one_error 78 'jobs.batch "never-was" not found'
}

# Submits a Job for a task instance of Airflow: prints its name.
submit_for() { # DAG TASK RUN MAP-INDEX
  local job
  as_task "$1" "$2" "$3" 1 "$4"
  read -r job _ < <(bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$(values_file 'true')" 2>/dev/null)
  printf '%s\n' "$job"
}

@test "the Job of a task instance, by ids that are no valid label values" {
  local job run='manual__2026-01-01T00:00:00+00:00'
  job=$(submit_for '需要予測' '学習' "$run" -1)
  run_script explain-job --dag-id '需要予測' --task-id '学習' --run-id "$run"
  assert_success
  assert_regex "${lines[0]}" "^Job $job is "
  assert_equal "$stderr" ''
}

@test "the Job of a mapped task; without --map-index the error names the existing ones: 78" {
  local job
  submit_for sweep fit run 0 >/dev/null
  job=$(submit_for sweep fit run 7)
  run_script explain-job --dag-id sweep --task-id fit --run-id run --map-index 7
  assert_regex "${lines[0]}" "^Job $job is "
  run_script explain-job --dag-id sweep --task-id fit --run-id run
  assert_one_error 78 'map indexes with a Job: 0, 7; set one with --map-index'
}

@test "no Job of the task: 78, with the command that lists the Jobs of the DAG" {
  run_script explain-job --dag-id=-never --task-id was --run-id here
  assert_one_error 78 "no Job for DAG -never, task was, run here, in namespace $NAMESPACE.* see: list-jobs --namespace $NAMESPACE --dag-id=-never"
}

@test "an incomplete task, or a task together with a Job, is a usage error: 64" {
  run_script explain-job --dag-id churn --task-id fit
  assert_one_error 64 'option --run-id is missing'
  run_script explain-job --map-index 3
  assert_one_error 64 'option --dag-id is missing'
  run_script explain-job --job train --dag-id churn
  assert_one_error 64 'give only one of the two'
  run_script explain-job --dag-id churn --task-id fit --run-id r --map-index two
  assert_one_error 64 "option --map-index is 'two'"
  run_script explain-job --dag-id churn --task-id fit --run-id r --dry-run
  assert_success
  assert_regex "$stderr" 'would run: kubectl get jobs --selector app.kubernetes.io/managed-by=gke-job'
}

@test "no permission: 77" {
  use_token=$BATS_TEST_TMPDIR/token
  echo outsider-token >"$use_token"
  cluster_options
  CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$use_token explain any "${cluster[@]}"
  assert_equal "$status" 77
  assert_equal "$output" ''
}

@test "--dry-run shows the commands and runs none" {
  explain any --dry-run
  assert_success
  assert_output ''
  assert_regex "$stderr" 'would run: kubectl get job any --output json'
  assert_regex "$stderr" 'would run: kubectl get events'
  assert_regex "$stderr" 'would run: kubectl logs'
}

@test "--help is the header, and options are checked: 64" {
  explain any --help
  assert_success
  assert_line --regexp '^Usage: explain-job --job NAME'
  run_script explain-job
  assert_one_error 64 'option --job is missing'
}

@test "a follower of a deleted Job gets the available information" {
  local uid
  uid=$(create_job gone 'sleep 60')
  wait_until sh -c 'kubectl get pods --selector job-name=gone | grep Running'
  kubectl delete job gone --cascade=foreground
  explain_as_a_follower gone "$uid"
  assert_success
  assert_equal "${lines[0]}" 'Job gone no longer exists'
  assert_regex "${lines[1]}" '^1 of its Pods is gone, with its state and log: gone-.{5}$'
}

@test "a follower on a cluster that never answers gets an error within two steps" {
  local server
  use_silent_server
  explain_as_a_follower any 00000000-0000-0000-0000-000000000000
  kill "$server"
  assert_success
  assert_regex "${lines[0]}" '^Job any could not be read: no answer'
  assert_regex "${lines[1]}" '^its Pods could not be read: no answer'
}

@test "a signal ends explain-job at once, even if the cluster does not answer, and leaves nothing" {
  local server
  use_silent_server
  mkdir "$BATS_TEST_TMPDIR/private"
  TMPDIR=$BATS_TEST_TMPDIR/private "$REPOSITORY/scripts/explain-job" --job any 3>&- &
  local runner=$!
  wait_until sh -c "ls '$BATS_TEST_TMPDIR'/private/*/answer"
  kill "$runner"
  wait_for "$runner"
  kill "$server"
  assert_equal "$status" 143
  assert_equal "$(ls "$BATS_TEST_TMPDIR/private")" ''
}

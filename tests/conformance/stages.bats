#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # each test is a subshell; NAMESPACE and cluster are set by functions of the test helpers
# The scripts from end to end: run-job, which a DAG task calls, and the stages, which run-job calls.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  load ../integration/job_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown() { end_children; }

teardown_file() { delete_namespace; }

@test "run-job prints the log on stderr, and only the result on stdout" {
  run_job 'echo training; echo "{\"loss\": 0.5}" >/dev/termination-log'
  assert_success
  assert_output '{"loss":0.5}'
  assert_regex "$stderr" '\| training'
  assert_regex "$stderr" 'Pod .* is running on |Pod .* has succeeded'
}

# bats test_tags=needs:gke-api
@test "run-job uses the cluster of --project, --location and --cluster without a kubeconfig" {
  cluster_options
  unset KUBECONFIG
  run_job 'echo 1 >/dev/termination-log' "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  assert_output 1
}

@test "run-job of a failed Job ends with 1, prints the log and the reason, and no result" {
  run_job 'echo broken; exit 3'
  assert_failure 1
  assert_output ''
  assert_regex "$stderr" '\| broken'
  assert_regex "${stderr_lines[-1]}" 'failed: Job has reached the specified backoff limit'
}

@test "A#43938: a terminated run-job deletes the Job and ends with 143" {
  start_job 'trap exit TERM; sleep 60 & wait'
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  wait_until no_job "$job"
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Job $job in namespace $NAMESPACE is deleted"
}

@test "a run-job terminated while it starts ends with 143 and leaves no Job and no file" {
  local milliseconds values
  values=$(values_file 'trap exit TERM; sleep 60 & wait')
  mkdir "$BATS_TEST_TMPDIR/tmp"
  for ((milliseconds = 20; milliseconds < 400; milliseconds += 10)); do
    TMPDIR=$BATS_TEST_TMPDIR/tmp setsid env --default-signal=HUP,INT,TERM bash "$REPOSITORY/scripts/run-job" \
      --template batch-job --values "$values" --name "early-$milliseconds" >/dev/null 2>&1 3>&- &
    runner=$!
    sleep "$(printf '0.%03d' "$milliseconds")"
    kill -TERM -- "-$runner" 2>/dev/null || kill -TERM "$runner" # it may not have its own group yet
    wait_for "$runner"
    assert_equal "$milliseconds: $status" "$milliseconds: 143"
    assert_equal "$(ls -A "$BATS_TEST_TMPDIR/tmp")" ''
  done
  wait_until no_early_jobs
}

no_early_jobs() {
  ! kubectl get jobs --output name | grep -q /early-
}

@test "A#58936: with --on-kill keep the Job continues, and the next try returns its result" {
  start_job "$SAVES" --on-kill keep
  local first=$job
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  AIRFLOW_CTX_TRY_NUMBER=2 start_job "$SAVES"
  end_training "$first"
  wait_for "$runner"
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" 7
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "attaching to Job $first"
}

@test "the stages one by one: submit-job, collect-job too early, follow-job, collect-job, delete-job" {
  local job namespace uid
  printf '%s' '{"image": "busybox:1.37", "command": ["sh", "-c", "echo [1] >/dev/termination-log"],' \
    ' "queue": "none"}' >"$BATS_TEST_TMPDIR/queued.json" # a Job with a queue is suspended until it is resumed
  run_script submit-job --template batch-job --values "$BATS_TEST_TMPDIR/queued.json"
  assert_success
  read -r job namespace uid <<<"$output"
  assert_equal "$namespace" "$NAMESPACE"
  run_script collect-job --job "$job"
  assert_one_error 75 "Job $job is not finished"
  kubectl patch job "$job" --type merge --patch '{"spec": {"suspend": false}}'
  run_script follow-job --job "$job" --uid "$uid"
  assert_success
  run_script collect-job --job "$job" --uid "$uid"
  assert_output '[1]'
  run_script delete-job --job "$job" --uid "$uid"
  assert_success
  assert no_job "$job"
}

@test "run-job --timeout ends with 124 and deletes the Job" {
  local job namespace uid
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 60 & wait')"
  read -r job namespace uid <<<"$output"
  run_script run-job --job "$job" --namespace "$namespace" --uid "$uid" --timeout 1
  assert_failure 124
  assert_regex "$stderr" "Job $job in namespace $namespace is deleted"
  wait_until no_job "$job"
}

@test "A#49784: run-job waits for a Pod that fits no node, and logs the scheduler's message" {
  local values=$BATS_TEST_TMPDIR/values.json
  echo '{"image": "busybox:1.37", "command": ["true"], "resources": {"requests": {"cpu": "1000"}}}' >"$values"
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep --quiet --extended-regexp 'is waiting for a node: 0/[0-9]+ nodes are available: .*Insufficient cpu' \
    "$BATS_TEST_TMPDIR/err"
  kill $!
  wait_for $!
  assert_equal "$status" 143
}

# Starts run-job, and ends its Pod with a shell function that takes the Pod's name. Asserts success with a warning.
assert_success_with_warning() { # FUNCTION REASON
  local pod
  start_job "$SAVES"
  wait_until grep --quiet '| training' "$BATS_TEST_TMPDIR/err"
  pod=$(kubectl get pods --selector "job-name=$job" --output 'jsonpath={.items[0].metadata.name}')
  "$1" "$pod"
  wait_for "$runner"
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" 7
  assert_equal "$(grep --count "Pod $pod succeeded while it was being terminated ($2): its result may be incomplete" \
    "$BATS_TEST_TMPDIR/err")" 1
}

evict() { # POD
  printf '{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "%s", "namespace": "%s"}}' "$1" "$NAMESPACE" |
    kubectl create --raw "/api/v1/namespaces/$NAMESPACE/pods/$1/eviction" --filename - >/dev/null
}

delete_pod() { # POD
  kubectl delete pod "$1" --wait=false
}

@test "V7: the log warns about the success of a program that exits with 0 on SIGTERM when it is evicted" {
  assert_success_with_warning evict EvictionByEvictionAPI
}

@test "V7: the log warns about such a success when a user deletes the Pod" {
  assert_success_with_warning delete_pod deleted
}

@test "V7: the log has no such warning for an undisturbed success" {
  run_job 'echo 7 >/dev/termination-log'
  assert_success
  refute_regex "$stderr" 'being terminated'
}

# Sets spec: an Indexed Job of two Pods whose requests allow only one on a node.
too_large_for_two() { # -> spec
  local node size
  read -r node size < <(kubectl get nodes --output \
    'jsonpath={.items[0].metadata.name} {.items[0].status.allocatable.ephemeral-storage}{"\n"}')
  size=$("$GKE_JOB_PYTHON" -c 'import sys
from localgke.scheduler import quantity
print(int(quantity(sys.argv[1]) * 6 / 10))' "$size")
  spec=$(job_spec "{\"nodeSelector\": {\"kubernetes.io/hostname\": \"$node\"}, \"containers\": [{\"name\": \"main\",
    \"image\": \"busybox:1.37\", \"command\": [\"sh\", \"-c\", \"trap exit TERM; sleep 60 & wait\"],
    \"resources\": {\"requests\": {\"ephemeral-storage\": \"$size\"}}}]}" \
    '{"completionMode": "Indexed", "completions": 2, "parallelism": 2}')
}

@test "V9: a gang of two Pods with resources for one: the schedule timeout ends the wait, 124" {
  too_large_for_two
  printf '{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"annotations": {"gke-job/gang": "true"}}, "spec": %s}' \
    "$spec" >"$BATS_TEST_TMPDIR/gang.yaml.j2"
  run_script run-job --template "$BATS_TEST_TMPDIR/gang.yaml.j2" --schedule-timeout 5 --name gang
  assert_failure 124
  assert_regex "$stderr" 'Job gang lacks nodes for some of its Pods: --schedule-timeout has expired: 0/[0-9]+ nodes are available: .*Insufficient ephemeral-storage'
  wait_until no_job gang
}

@test "V9: independent Pods start when they fit: a Pod with a node ends the schedule timeout" {
  too_large_for_two
  run_script submit-job --template "$(job_template "$spec")" --name no-gang
  assert_success
  run_script follow-job --job no-gang --schedule-timeout 3 --timeout 10
  assert_failure 124
  assert_regex "$stderr" 'Job no-gang is not finished: --timeout has expired'
  kubectl delete job no-gang --wait=false
}

@test "V9: the shipped distributed-job is such a gang" {
  echo '{"image": "busybox:1.37", "command": ["true"], "nodes": 2}' >"$BATS_TEST_TMPDIR/values.json"
  run "$GKE_JOB_PYTHON" "$REPOSITORY/scripts/render-job" --template distributed-job --values "$BATS_TEST_TMPDIR/values.json"
  assert_success
  assert_output --regexp '"?gke-job/gang"?: .true.'
}

finalizers() { # POD JSON-LIST
  kubectl patch pod "$1" --type merge --patch "{\"metadata\": {\"finalizers\": $2}}"
}

@test "V6: a new run with --timeout ends in time and names the foreign finalizer of an old Pod" {
  local pod began fails='trap "exit 3" TERM; echo training; sleep 600 & wait'
  start_job "$fails" --name held
  pod=$(kubectl get pods --selector job-name=held --output 'jsonpath={.items[0].metadata.name}')
  finalizers "$pod" '["batch.kubernetes.io/job-tracking", "example.com/held"]'
  end_training held
  wait_for "$runner"
  assert_equal "$status" 1
  began=$SECONDS
  AIRFLOW_CTX_TRY_NUMBER=2 run_job "$fails" --name held --timeout 6
  ((SECONDS - began < 60)) # not until REMOVAL_SECONDS
  finalizers "$pod" '[]'
  assert_failure 124
  assert_regex "$stderr" "example.com/held.* block the deletion of its Pod $pod"
}

@test "V6: delete-job waits for such a Pod only for its timeout" {
  local pod
  create_job held-alone 'trap exit TERM; sleep 60 & wait'
  wait_until has_pod held-alone
  pod=$(kubectl get pods --selector job-name=held-alone --output 'jsonpath={.items[0].metadata.name}')
  finalizers "$pod" '["batch.kubernetes.io/job-tracking", "example.com/held"]'
  run_script delete-job --job held-alone --timeout 4
  finalizers "$pod" '[]'
  assert_failure 124
  assert_regex "$stderr" "example.com/held.* block the deletion of its Pod $pod"
}

has_pod() { # JOB
  [[ $(kubectl get pods --selector "job-name=$1" --output name) ]]
}

#!/usr/bin/env bats
# shellcheck disable=SC2153,SC2154 # NAMESPACE and cluster are set by functions of the test helpers
# The scripts from end to end: what a DAG task calls, and what it calls in its turn.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown() { end_children; }

teardown_file() { delete_namespace; }

run_job() { # SHELL-COMMAND [OPTION...]
  run_script run-job --template batch-job --values "$(values_file "$1")" "${@:2}"
}

# Starts run-job in a process group of its own, as Airflow does, and waits until its Pod runs.
start_job() { # SHELL-COMMAND [OPTION...] -> runner, job
  setsid env --default-signal=HUP,INT,TERM bash "$REPOSITORY/scripts/run-job" --template batch-job \
    --values "$(values_file "$1")" "${@:2}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep -q 'is running on' "$BATS_TEST_TMPDIR/err"
  job=$(sed -n 's/.*created Job \([^ ]*\).*/\1/p' "$BATS_TEST_TMPDIR/err")
}

@test "run-job prints the log on stderr and the result, alone, on stdout" {
  run_job 'echo training; echo "{\"loss\": 0.5}" >/dev/termination-log'
  assert_success
  assert_output '{"loss":0.5}'
  assert_regex "$stderr" '\| training'
  assert_regex "$stderr" 'Pod .* is running on |Pod .* has succeeded'
}

# bats test_tags=needs:gke-api
@test "run-job reaches the cluster that --project, --location and --cluster name, without a kubeconfig" {
  cluster_options
  unset KUBECONFIG
  run_job 'echo 1 >/dev/termination-log' "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  assert_output 1
}

@test "run-job of a Job that fails ends with 1, the log and the reason, without a result" {
  run_job 'echo broken; exit 3'
  assert_failure 1
  assert_output ''
  assert_regex "$stderr" '\| broken'
  assert_regex "${stderr_lines[-1]}" 'failed: Job has reached the specified backoff limit'
}

@test "A#43938: run-job that is terminated deletes the Job and ends with 143" {
  start_job 'trap exit TERM; sleep 60 & wait'
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  wait_until no_job "$job"
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Job $job in namespace $NAMESPACE is deleted"
}

@test "A#58936: with --on-kill keep the Job goes on, and the next try brings its result" {
  start_job 'sleep 3; echo 7 >/dev/termination-log' --on-kill keep
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  AIRFLOW_CTX_TRY_NUMBER=2 run_job 'sleep 3; echo 7 >/dev/termination-log'
  assert_success
  assert_output 7
  assert_regex "$stderr" "attaching to Job $job"
}

@test "the stages one by one: submit-job, collect-job too early, follow-job, collect-job, delete-job" {
  local job namespace uid
  run_script submit-job --template batch-job --values "$(values_file 'sleep 2; echo "[1]" >/dev/termination-log')"
  assert_success
  read -r job namespace uid <<<"$output"
  assert_equal "$namespace" "$NAMESPACE"
  run_script collect-job --job "$job"
  assert_one_error 75 "Job $job is not finished"
  run_script follow-job --job "$job" --uid "$uid"
  assert_success
  run_script collect-job --job "$job" --uid "$uid"
  assert_output '[1]'
  run_script delete-job --job "$job" --uid "$uid"
  assert_success
  assert no_job "$job"
}

@test "run-job --timeout ends with 124 and deletes the Job" {
  run_job 'trap exit TERM; sleep 60 & wait' --timeout 1 --name slow
  assert_failure 124
  wait_until no_job slow
}

@test "A#49784: a Pod that no node can take is waited for, with the scheduler's words" {
  local values=$BATS_TEST_TMPDIR/values.json
  echo '{"image": "busybox:1.37", "command": ["true"], "resources": {"requests": {"cpu": "1000"}}}' >"$values"
  run_script run-job --template batch-job --values "$values" --timeout 3
  assert_failure 124
  assert_regex "$stderr" 'is waiting for a node: 0/[0-9]+ nodes are available: .*Insufficient cpu'
}

#!/usr/bin/env bats
# shellcheck disable=SC2154 # cluster is set by cluster_options of test_helper
setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  cluster_options
  as_task dag "$BATS_TEST_NAME" run
}

run_job() { # SHELL-COMMAND [OPTION...]
  run_script run-job --template batch-job --values "$(values_file "$1")" "${@:2}"
}

# Starts run-job in a process group of its own, as Airflow does; its output goes to $BATS_TEST_TMPDIR/{out,err}.
# A shell starts what is in the background with INT ignored; a terminal does not.
start_job() { # SHELL-COMMAND [OPTION...] -> runner, job
  local values
  values=$(values_file "$1")
  setsid env --default-signal=INT bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" "${@:2}" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep -q 'is running on' "$BATS_TEST_TMPDIR/err"
  job=$(sed -n 's/.*created Job \([^ ]*\).*/\1/p' "$BATS_TEST_TMPDIR/err")
}

no_job() { # NAME
  [[ -z $(kubectl get job "$1" --ignore-not-found) ]]
}

@test "runs a Job on the named cluster and prints its result, and nothing else, on stdout" {
  unset KUBECONFIG
  run_job 'echo training; echo "{\"loss\": 0.5}" > /dev/termination-log' "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  assert_output '{"loss":0.5}'
  assert_regex "$stderr" '\| training'
}

@test "the result is the last line of all when stdout and stderr are one, as in Airflow" {
  run bash -c 'exec bash "$0" --template batch-job --values "$1" 2>&1' "$REPOSITORY/scripts/run-job" \
    "$(values_file 'echo noise >&2; printf "{\"a\": 1}" > /dev/termination-log; printf "no newline"')"
  assert_success
  assert_equal "${lines[-1]}" '{"a":1}'
}

@test "a failed Job: 1, with the reason and no result" {
  run_job 'echo broken; exit 3'
  assert_failure 1
  assert_output ''
  assert_regex "$stderr" 'BackoffLimitExceeded|backoff limit'
}

@test "runs without HOME and with few variables, as under BashOperator with env=" {
  local values
  values=$(values_file 'echo 1 > /dev/termination-log')
  run --separate-stderr env --ignore-environment PATH="$PATH" KUBECONFIG="$KUBECONFIG" GKE_JOB_PYTHON="$GKE_JOB_PYTHON" \
    bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" --name no-home
  assert_success
  assert_output 1
}

@test "A#43938: interrupted with TERM it deletes the Job and ends with 143" {
  start_job 'sleep 60'
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  wait_until no_job "$job"
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Job $job in namespace $NAMESPACE is deleted"
}

@test "interrupted with INT it ends with 130" {
  start_job 'sleep 60'
  kill -INT "$runner"
  wait_for "$runner"
  assert_equal "$status" 130
  wait_until no_job "$job"
}

@test "the Job is deleted even when nobody reads the messages any more" {
  local values
  values=$(values_file 'sleep 60')
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  setsid bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" --name unread \
    >"$BATS_TEST_TMPDIR/pipe" 2>&1 3>&- &
  local unread=$!
  sed '/is running on/q' "$BATS_TEST_TMPDIR/pipe"
  kill -TERM -- "-$unread"
  wait_for "$unread"
  assert_equal "$status" 143
  wait_until no_job unread
}

@test "--on-kill keep leaves the Job, and the next try attaches to it" {
  start_job 'while ! test -e /flag; do sleep 0.1; done' --on-kill keep
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  run kubectl get job "$job" --output name
  assert_success
  AIRFLOW_CTX_TRY_NUMBER=2 run_job 'while ! test -e /flag; do sleep 0.1; done' --timeout 1
  assert_regex "$stderr" "attaching to Job $job: it still runs"
}

@test "--timeout ends with 124 and deletes the Job" {
  run_job 'sleep 60' --timeout 1 --name slow
  assert_failure 124
  wait_until no_job slow
}

@test "leaves no process and no private directory behind when it is interrupted" {
  export TMPDIR=$BATS_TEST_TMPDIR/private
  mkdir "$TMPDIR"
  start_job 'sleep 60' "${cluster[@]}" --namespace "$NAMESPACE"
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  assert_equal "$(ls -A "$TMPDIR")" ''
  # Not those that have ended and wait for init to take note.
  run sh -c 'ps --no-headers -o stat,pid,args --sid "$1" | grep -v ^Z' - "$runner"
  assert_output ''
}

@test "--dry-run prints the manifest and shows every command" {
  run_job 'true' --dry-run --project p --location l --cluster c
  assert_success
  assert_output --partial 'kind: "Job"'
  local command
  for command in 'gcloud container clusters get-credentials c' 'kubectl create' 'kubectl get job' 'kubectl annotate job'; do
    assert_regex "$stderr" "would run: $command"
  done
}

@test "an --on-kill that is neither delete nor keep is a usage error: 64" {
  run_job 'true' --on-kill stop
  assert_one_error 64 "option --on-kill is 'stop': it is one of delete, keep"
}

@test "a missing --template is a usage error: 64" {
  run_script run-job
  assert_one_error 64 'option --template is missing'
}

@test "the exit code of a stage is the exit code of the run: 66 for a template that does not exist" {
  run_script run-job --template nope
  assert_one_error 66 'nope'
}

#!/usr/bin/env bats
# run-job that a signal ends, or whose task or cluster goes away: no process stays, and the Job is deleted, kept or named.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; cluster is set by cluster_options of test_helper

setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  load job_helper
  cluster_options
  as_task dag "$BATS_TEST_NAME" run
}

@test "a signal during the cleanup changes nothing" {
  use_own_tmpdir # where no directory is left by another run, which rm would remove at the start
  mkdir "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the script
  printf '%s\n' '#!/bin/bash' ': >"$CLEANING"' 'until [[ -e $GO_ON ]]; do :; done' 'exec /bin/rm "$@"' >"$BATS_TEST_TMPDIR/bin/rm"
  chmod +x "$BATS_TEST_TMPDIR/bin/rm"
  export CLEANING=$BATS_TEST_TMPDIR/cleaning GO_ON=$BATS_TEST_TMPDIR/go-on
  PATH=$BATS_TEST_TMPDIR/bin:$PATH bash "$REPOSITORY/scripts/run-job" --template batch-job \
    --values "$(values_file 'sleep 600')" --name cleaned --once >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until test -e "$CLEANING"
  kill -TERM "$runner"
  : >"$GO_ON"
  wait_for "$runner"
  assert_equal "$status" 75
  refute_regex "$(<"$BATS_TEST_TMPDIR/err")" 'interrupted'
}

@test "--on-kill keep leaves the Job, and the next try attaches to it" {
  start_job 'while ! test -e /flag; do sleep 0.1; done' --on-kill keep
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  run kubectl get job "$job" --output name
  assert_success
  AIRFLOW_CTX_TRY_NUMBER=2 run_job 'while ! test -e /flag; do sleep 0.1; done' --once
  assert_regex "$stderr" "attaching to Job $job: it is still running"
  kubectl delete job "$job" --wait=false
}

@test "PWR leaves the Job whatever --on-kill is, and the next try attaches to it" {
  start_job 'while ! test -e /flag; do sleep 0.1; done' --on-kill delete
  kill -PWR -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 129
  run cat "$BATS_TEST_TMPDIR/err"
  assert_output --partial "Job $job in namespace $NAMESPACE continues"
  AIRFLOW_CTX_TRY_NUMBER=2 run_job 'while ! test -e /flag; do sleep 0.1; done' --once
  assert_regex "$stderr" "attaching to Job $job: it is still running"
  kubectl delete job "$job" --wait=false
}

# bats needs its own temporary directory.
use_own_tmpdir() {
  export TMPDIR=$BATS_TEST_TMPDIR/private
  mkdir "$TMPDIR"
}

@test "an interrupted run-job leaves no process and no private directory" {
  use_own_tmpdir
  start_job 'sleep 60' "${cluster[@]}" --namespace "$NAMESPACE"
  kill -TERM "$runner" # the script alone, not its process group
  wait_for "$runner"
  assert_equal "$status" 143
  assert_equal "$(ls -A "$TMPDIR")" ''
  wait_until none_marked "$mark"
  wait_until no_job "$job"
}

@test "after SIGKILL the Job remains, but no process; the next try adopts the Job and cleans up" {
  use_own_tmpdir
  start_job 'while ! test -e /flag; do sleep 0.1; done'
  kill -KILL "$runner"
  wait_until none_marked "$mark"
  assert_regex "$(ls -A "$TMPDIR")" '^gke-job\.[^ ]*$'
  AIRFLOW_CTX_TRY_NUMBER=2 run_job 'while ! test -e /flag; do sleep 0.1; done' --once
  assert_regex "$stderr" "attaching to Job $job: it is still running"
  kubectl delete job "$job" --wait=false
  assert_equal "$(ls -A "$TMPDIR")" ''
}

@test "after SIGKILL no process remains even without the parent death signal of setpriv" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/setpriv"
  chmod +x "$BATS_TEST_TMPDIR/bin/setpriv"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH start_job 'sleep 60'
  kill -KILL "$runner"
  wait_until none_marked "$mark"
  run kubectl get job "$job" --output name
  assert_success
}

@test "when the Airflow task's process ends, run-job ends and the Job continues, whatever --on-kill is" {
  use_own_tmpdir
  local values worker
  values=$(values_file 'sleep 60')
  mark=$BATS_SUITE_TEST_NUMBER.$RANDOM
  # shellcheck disable=SC2016 # for the shell that stands for the worker
  env GKE_JOB_TEST_MARK="$mark" bash -c 'setsid bash "$1" --template batch-job --values "$2" --on-kill delete 2>"$3" & wait' - \
    "$REPOSITORY/scripts/run-job" "$values" "$BATS_TEST_TMPDIR/err" 3>&- &
  worker=$!
  wait_until grep -q 'is running on' "$BATS_TEST_TMPDIR/err"
  kill -KILL "$worker"
  wait_until none_marked "$mark"
  assert_equal "$(ls -A "$TMPDIR")" ''
  run kubectl get job "$(sed -n 's/.*created Job \([^ ]*\).*/\1/p' "$BATS_TEST_TMPDIR/err")" --output 'jsonpath={.status.active}'
  assert_output 1
}

# Stops the API server with SIGSTOP; teardown continues it in any case.
freeze_api() {
  kill -STOP "$(<"$LOCALGKE_STATE/pid")"
}

thaw_api() {
  kill -CONT "$(<"$LOCALGKE_STATE/pid")"
}

teardown() {
  thaw_api
  [[ ! -e ${FAULTS_STATE-} ]] || stop_proxy
}

# Starts run-job with a connection on which the creation of the Job gets no answer, and waits for that request.
start_creating() { # OPTION... -> runner, mark
  mark=$BATS_SUITE_TEST_NUMBER.$RANDOM
  local values
  values=$(values_file 'sleep 60')
  source "$REPOSITORY/tests/dev/faults/faults.bash"
  start_proxy
  fault create:blackhole
  setsid env GKE_JOB_TEST_MARK="$mark" bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" \
    --namespace "$NAMESPACE" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until is_creating
}

is_creating() {
  (($(requests struck) == 1))
}

@test "interrupted while the Job is being created, run-job leaves no Job" {
  start_creating --name half-made
  kill -STOP -- "-$runner" # it waits for the answer only 1 s; kubectl has a session of its own and goes on
  kill -TERM -- "-$runner"
  clear_faults
  kill -CONT -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Job half-made in namespace $NAMESPACE is deleted|while the Job was being submitted"
  assert_equal "$(kubectl_directly get job half-made --ignore-not-found)" ''
  wait_until none_marked "$mark"
}

@test "interrupted while the API does not answer, run-job names the Job that may be left and the fix" {
  use_own_tmpdir
  start_creating --name perhaps
  fault blackhole
  kill -TERM -- "-$runner"
  wait_for "$runner" # while the API does not answer, until the second try to delete the Job has ended
  assert_equal "$status" 143
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'Job perhaps may still exist: remove it with: delete-job .*--job perhaps'
  assert_equal "$(ls -A "$TMPDIR")" ''
  wait_until none_marked "$mark"
}

@test "interrupted while it follows and the API does not answer, run-job names the Job; later it deletes it" {
  start_job 'sleep 60'
  freeze_api
  kill -TERM "$runner"
  wait_until grep -q 'trying for 10 s more' "$BATS_TEST_TMPDIR/err"
  thaw_api
  wait_for "$runner"
  assert_equal "$status" 143
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" \
    "Job $job may still exist: remove it with: delete-job --namespace $NAMESPACE --job $job"
  assert_equal "$(tail -n 2 "$BATS_TEST_TMPDIR/err")" "run-job: not confirmed by the API server: trying for 10 s more
run-job: this run was interrupted; Job $job in namespace $NAMESPACE is deleted"
  wait_until no_job "$job"
  wait_until none_marked "$mark"
}

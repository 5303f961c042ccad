#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031 # each test is a subshell
# run-job for a Job that is already submitted: the whole wait, or one check.

setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
  state=$BATS_TEST_TMPDIR/state
}

teardown() {
  [[ ! -e ${FAULTS_STATE-} ]] || stop_proxy
}

submit() { # SHELL-COMMAND [OPTION...] -> job, uid
  run_script submit-job --template batch-job --values "$(values_file "$1")" "${@:2}"
  assert_success
  submitted
}

check() { # [OPTION...]
  run_script run-job --job "$job" --uid "$uid" --once --check-state "$state" "$@"
}

pod_is() { # REGEXP
  kubectl get pods --selector "batch.kubernetes.io/job-name=$job" | grep --quiet --extended-regexp "$1"
}

# Succeeds if the container has printed a line.
logged() {
  sed --quiet 's/^.* | //p' <<<"$stderr"
}

has_logged() { # LINE
  kubectl logs "job/$job" | grep --quiet --line-regexp "$1"
}

@test "a running Job: 75, the lines since the last check, nothing on stdout, and the Job continues" {
  submit 'echo one; while ! test -e flag; do sleep 0.1; done; echo two; echo 5 > /dev/termination-log'
  wait_until has_logged one
  check --waited 3600 --timeout 7200
  assert_failure 75
  assert_output ''
  assert_equal "$(logged)" one
  assert_regex "${stderr_lines[-1]}" 'Job .* is not finished after 36[0-9][0-9] s; Pods: 1 running$'
  check
  assert_failure 75
  assert_equal "$(logged)" ''
  assert_equal "$(kubectl get job "$job" --output 'jsonpath={.status.active}')" 1
}

@test "a Job that ended since the last check: its log, its result, and the collected mark" {
  printf '{"apiVersion": "batch/v1", "kind": "Job", "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never",
    "containers": [{"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", "echo one; echo 5 > /dev/termination-log"]}]}}}}' \
    >"$BATS_TEST_TMPDIR/suspended.json"
  run_script submit-job --template "$BATS_TEST_TMPDIR/suspended.json"
  submitted
  wait_until kubectl wait --for condition=Suspended "job/$job" --timeout 30s
  check
  assert_failure 75
  assert_regex "${stderr_lines[-1]}" "Job $job is not finished after [0-9]+ s; Pods: none; it is suspended"
  kubectl patch job "$job" --type merge --patch '{"spec": {"suspend": false}}'
  kubectl wait --for condition=Complete "job/$job" --timeout 30s
  check
  assert_success
  assert_output 5
  assert_equal "$(logged)" one
  assert_regex "$(kubectl get job "$job" --output 'jsonpath={.metadata.annotations.gke-job/collected}')" '^20'
}

@test "D4: a failed Job: 1, its log before its diagnosis, and the reason for the caller" {
  export GKE_JOB_CALLER_DIR=$BATS_TEST_TMPDIR/report
  mkdir "$GKE_JOB_CALLER_DIR"
  submit 'echo broken; exit 127'
  kubectl wait --for condition=Failed "job/$job" --timeout 30s
  check
  assert_failure 1
  assert_output ''
  assert_regex "$stderr" $'\\| broken\n(.*\n)*  container main: exit code 127'
  assert_regex "$(<"$GKE_JOB_CALLER_DIR/reason")" "^Job $job failed: Job has reached the specified backoff limit"
  assert_regex "$(<"$GKE_JOB_CALLER_DIR/failure.json")" '"exit_codes": \[127\]'
  assert_equal "$(<"$GKE_JOB_CALLER_DIR/job")" "$job $NAMESPACE $uid"
}

@test "--waited exceeds the timeout: the log so far is printed, then 124, and the Job is deleted" {
  submit 'echo started; sleep 60'
  wait_until has_logged started
  check --timeout 60 --waited 60
  assert_failure 124
  assert_equal "$(logged)" started
  assert_regex "$stderr" "Job $job is not finished: --timeout has expired"
  assert_regex "${stderr_lines[-1]}" "its timeout has expired; Job $job in namespace $NAMESPACE is deleted"
  wait_until no_job "$job"
}

@test "--waited exceeds the timeout, but the Job is complete: 0" {
  submit 'echo 5 > /dev/termination-log'
  kubectl wait --for condition=Complete "job/$job" --timeout 30s
  check --timeout 60 --waited 6000
  assert_success
  assert_output 5
}

@test "--on-kill keep leaves a Job that has timed out" {
  submit 'sleep 60'
  wait_until pod_is Running
  check --timeout 60 --waited 60 --on-kill keep
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" "its timeout has expired; Job $job in namespace $NAMESPACE continues"
  refute no_job "$job"
}

@test "--waited-to-start exceeds the timeout: 78, and the Job is deleted; before that 75" {
  printf '{"image": "no-such-image", "command": ["true"]}' >"$BATS_TEST_TMPDIR/no-image.json"
  run_script submit-job --template batch-job --values "$BATS_TEST_TMPDIR/no-image.json"
  submitted
  wait_until pod_is 'ErrImagePull|ImagePullBackOff'
  check --start-timeout 60 --waited-to-start 59
  assert_failure 75
  assert_regex "${stderr_lines[-1]}" 'Pods: 1 unable to start; Pod .* is unable to start on .*(ErrImagePull|ImagePullBackOff)$'
  check --start-timeout 60 --waited-to-start 60
  assert_failure 78
  assert_regex "$stderr" "Job $job will never start: for 60 s Pod .* is unable to start on "
  assert_regex "${stderr_lines[-1]}" "it will never start; Job $job in namespace .* is deleted$"
  wait_until no_job "$job"
}

@test "--waited-for-nodes exceeds the timeout: 124; with --fallback the Job fails for the next run" {
  printf '{"image": "busybox:1.37", "command": ["true"], "resources": {"requests": {"cpu": "1000"}}}' >"$BATS_TEST_TMPDIR/big.json"
  run_script submit-job --template batch-job --values "$BATS_TEST_TMPDIR/big.json"
  submitted
  wait_until pod_is Pending
  check --schedule-timeout 60 --waited-for-nodes 59
  assert_failure 75
  check --schedule-timeout 60 --waited-for-nodes 60 --fallback
  assert_failure 124
  assert_regex "$stderr" "Job $job has no node: --schedule-timeout has expired"
  assert_regex "${stderr_lines[-1]}" "Job $job in namespace $NAMESPACE got no nodes within 60 s and is stopped"
  assert_equal "$(kubectl get job "$job" --output 'jsonpath={.metadata.annotations.gke-job/unscheduled}')" 60
}

@test "the Job with that uid is deleted: 1, and a new Job with its name is kept" {
  submit 'sleep 60'
  uid=00000000-0000-0000-0000-000000000000
  check --timeout 1 --waited 5
  assert_failure 1
  assert_regex "${stderr_lines[-1]}" "Job $job with uid 0.* no longer exists"
  refute no_job "$job"
}

@test "an interruption during a check deletes the Job" {
  source "$REPOSITORY/tests/dev/faults/faults.bash"
  submit 'echo started; sleep 60'
  wait_until has_logged started
  start_proxy
  fault log:blackhole
  bash "$REPOSITORY/scripts/run-job" --job "$job" --uid "$uid" --namespace "$NAMESPACE" --once 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  local runner=$!
  wait_until is_struck
  kill -TERM "$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "this run was interrupted; Job $job in namespace $NAMESPACE is deleted"
}

@test "an interruption before a check begins deletes the Job" {
  submit 'sleep 60'
  mkdir "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the script
  printf '%s\n' '#!/bin/bash' "PATH=$PATH" '[[ $* != *proxy* ]] || { : >"$STARTED"; exec sleep 60; }' 'exec kubectl "$@"' \
    >"$BATS_TEST_TMPDIR/bin/kubectl"
  chmod +x "$BATS_TEST_TMPDIR/bin/kubectl"
  STARTED=$BATS_TEST_TMPDIR/started PATH=$BATS_TEST_TMPDIR/bin:$PATH bash "$REPOSITORY/scripts/run-job" --job "$job" --uid "$uid" \
    --namespace "$NAMESPACE" --once 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  local runner=$!
  wait_until test -e "$BATS_TEST_TMPDIR/started"
  kill -TERM "$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "this run was interrupted; Job $job in namespace $NAMESPACE is deleted"
}

@test "interrupted before it has credentials it says which Job may be left and what to do" {
  local cluster
  submit 'sleep 60'
  cluster_options
  mkdir "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the script
  printf '%s\n' '#!/bin/bash' ': >"$STARTED"' 'exec sleep 60' >"$BATS_TEST_TMPDIR/bin/gcloud" # one that is slow
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  mkdir "$BATS_TEST_TMPDIR/report"
  GKE_JOB_CALLER_DIR=$BATS_TEST_TMPDIR/report GKE_JOB_CACHE=$BATS_TEST_TMPDIR/cache STARTED=$BATS_TEST_TMPDIR/started \
    PATH=$BATS_TEST_TMPDIR/bin:$PATH bash "$REPOSITORY/scripts/run-job" "${cluster[@]}" --job "$job" --uid "$uid" \
    --namespace "$NAMESPACE" --once 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  local runner=$!
  wait_until test -e "$BATS_TEST_TMPDIR/started"
  kill -TERM "$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  assert_equal "$(<"$BATS_TEST_TMPDIR/err")" "run-job: this run was interrupted; Job $job may still exist: remove it with: \
delete-job --project=$LOCALGKE_PROJECT --location=$LOCALGKE_LOCATION --cluster=$LOCALGKE_CLUSTER --auth=auto --namespace $NAMESPACE --job $job"
  assert [ ! -e "$BATS_TEST_TMPDIR/report/job" ] # what lets the operator delete the Job
  refute no_job "$job"
}

is_struck() {
  (($(requests struck) > 0))
}

@test "a file that cannot be written is logged, and does not change the exit code" {
  submit 'echo 5 > /dev/termination-log'
  kubectl wait --for condition=Complete "job/$job" --timeout 30s
  state=/proc/nowhere/state
  check
  assert_success
  assert_output 5
  assert_regex "$stderr" 'cannot write /proc/nowhere/state: .*: the next check prints these log lines again'
}

@test "without --once run-job waits for the Job, and submits none" {
  submit 'sleep 1; echo done; echo 5 > /dev/termination-log'
  run_script run-job --job "$job" --uid "$uid"
  assert_success
  assert_output 5
  assert_equal "$(logged)" 'done'
  refute_regex "$stderr" 'submit-job'
}

@test "the first check prints the console links" {
  cluster_options
  submit 'echo started; sleep 60'
  wait_until has_logged started
  # shellcheck disable=SC2154 # set by cluster_options
  check "${cluster[@]}" --namespace "$NAMESPACE"
  assert_regex "$stderr" 'console: https://console.cloud.google.com/kubernetes/job/'
  check "${cluster[@]}" --namespace "$NAMESPACE"
  refute_regex "$stderr" 'console.cloud.google.com'
}

@test "with --template run-job submits the Job, checks it, and leaves it to the next check" {
  run_script run-job --template batch-job --values "$(values_file 'sleep 600')" --name first --once --check-state "$state"
  assert_failure 75
  assert_output ''
  assert_regex "${stderr_lines[-1]}" 'Job first is not finished after'
  job=first uid=$(kubectl get job first --output 'jsonpath={.metadata.uid}')
  check --waited 100 --timeout 90
  assert_failure 124
  no_job first
}

@test "--dry-run shows the commands, and submits nothing" {
  run_script run-job --job train --uid 0-1 --once --dry-run
  assert_success
  assert_output ''
  assert_regex "$stderr" 'would run: kubectl .*get jobs --field-selector metadata.name=train'
  assert_regex "$stderr" 'would run: kubectl .*annotate job train'
  refute_regex "$stderr" 'create|watch|follow '
}

@test "options that do not fit together are usage errors: 64" {
  run_script run-job --job train --once
  assert_one_error 64 'option --uid is missing'
  run_script run-job --job train --uid 0-1 --template batch-job
  assert_one_error 64 'option --template applies only to a Job that this run submits: leave it out'
  run_script run-job --job train --uid 0-1 --on-change attach
  assert_one_error 64 'option --on-change applies only to a Job that this run submits'
  run_script run-job --job train --uid 0-1 --waited 5
  assert_one_error 64 'option --waited requires --once'
  run_script follow-job --job train --check-state file
  assert_one_error 64 'option --check-state requires --once'
  run_script run-job --job train --uid 0-1 --once --waited 1.5
  assert_one_error 64 "option --waited is '1.5': it must be a whole number"
}

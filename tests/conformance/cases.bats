#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # each test is a subshell; NAMESPACE and cluster are set by test_helper
# Failures of similar tools, which must not happen here. The prefix of a case is the issue in which it was reported: A# is
# apache/airflow, K# kubernetes/kubernetes. Cases that belong to one concern are in the file of that concern.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  load ../integration/job_helper
  cluster_options
  as_task dag "$BATS_TEST_NAME" run
}

teardown() { end_children; }

teardown_file() { delete_namespace; }

@test "A#21918: a value or a result that ends in .sh is not read as a file" {
  run_job 'echo train.sh >/dev/termination-log; true train.sh'
  assert_success
  assert_output '"train.sh"'
}

@test "k#1451: a Pod that ends before it is seen as Ready does not block the wait" {
  run_job 'true'
  assert_success
}

@test "A#62398: delete-job with the output of submit-job ends a Job that no process on the worker waits for" {
  local job namespace uid
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 60 & wait')"
  read -r job namespace uid <<<"$output"
  run_script poll-job --job "$job" --namespace "$namespace" --uid "$uid"
  assert_failure 75
  run_script delete-job --job "$job" --namespace "$namespace" --uid "$uid"
  assert_success
  assert_equal "$(kubectl get jobs,pods --selector "job-name=$job" --output name)" ''
  run_script poll-job --job "$job" --namespace "$namespace" --uid "$uid"
  assert_failure 1
}

@test "A#39791: a lost worker deletes nothing and restarts nothing: the next try returns the result" {
  start_job "$SAVES" --on-kill delete
  local first=$job uid
  uid=$(field "$first" '{.metadata.uid}')
  kill -KILL "$runner"
  AIRFLOW_CTX_TRY_NUMBER=2 start_job "$SAVES"
  end_training "$first"
  wait_for "$runner"
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" 7
  assert_field "$first" '{.metadata.uid}' "$uid"
}

@test "A#37298: the result needs no additional container, so nothing prolongs the Pod" {
  run_job 'echo 7 >/dev/termination-log' --name alone
  assert_success
  assert_output 7
  assert_equal "$(kubectl get pods --selector job-name=alone --output \
    'jsonpath={range .items[*]}{.spec.initContainers[*].name}{.spec.containers[*].name}{end}')" 'main'
}

@test "A#56693: a Job whose Pod is deleted before its result is read succeeds, and the log reports it" {
  create_job scaled-down 'echo 7 >/dev/termination-log'
  wait_for_condition Complete scaled-down
  kubectl delete pods --selector job-name=scaled-down
  run_script follow-job --job scaled-down
  assert_success
  run_script collect-job --job scaled-down
  assert_success
  assert_output 'null'
  assert_equal "$stderr" 'collect-job: 1 of 1 succeeded Pods no longer exist, their results are missing'
}

@test "K#89657: a Job of another manifest is a clear error; --on-change attaches to it or replaces it" {
  local first
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 60 & wait')"
  first=$output
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 61 & wait')"
  assert_one_error 65 'is still running, from another manifest .*--on-change attach or replace'
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 61 & wait')" --on-change attach
  assert_success
  assert_equal "$output" "$first"
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 61 & wait')" --on-change replace
  assert_success
  assert_equal "${output% *}" "${first% *}"
  assert_not_equal "$output" "$first"
}

# bats test_tags=needs:gke-api
@test "cloud-provider-gcp#1122: after a change of the account the next run uses no old token" {
  unset KUBECONFIG
  export HOME=$BATS_TEST_TMPDIR # as on a worker: the same for both runs
  run_job 'true' "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  printf 'worthless' >"$BATS_TEST_TMPDIR/token"
  CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token run_job 'true' "${cluster[@]}" --namespace "$NAMESPACE"
  assert_failure 77
  assert_regex "$stderr" 'not logged in'
}

@test "own reading: the result is the last line of stdout, whatever stderr and the log contain" {
  run bash -c 'exec bash "$0" --template batch-job --values "$1" 2>&1' "$REPOSITORY/scripts/run-job" \
    "$(values_file 'echo a warning >&2; echo "{\"a\": 1}" >/dev/termination-log; printf "no newline"')"
  assert_success
  assert_equal "${lines[-1]}" '{"a":1}'
}

@test "own reading: no child process keeps stdout open after the end of the script" {
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  cat "$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/all" 3>&- &
  local reader=$!
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file 'echo 7 >/dev/termination-log')" \
    >"$BATS_TEST_TMPDIR/pipe" 2>&1 3>&-
  wait_for "$reader" # does not return while a process has the pipe open
  assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/all")" 7
}

@test "own reading: the Job is deleted before any output, so a closed pipe does not prevent the deletion" {
  local values reader
  values=$(values_file 'trap exit TERM; sleep 60 & wait')
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  setsid bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" --name unread \
    >"$BATS_TEST_TMPDIR/pipe" 2>&1 3>&- &
  runner=$!
  exec {reader}<"$BATS_TEST_TMPDIR/pipe"
  sed '/is running on/q' <&"$reader"
  kill -STOP -- "-$runner" # nothing is printed between the end of the reader and the signal
  exec {reader}<&-
  kill -TERM -- "-$runner"
  kill -CONT -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  wait_until no_job unread
}

@test "own reading: run-job works without HOME and with the few variables that BashOperator's env= leaves" {
  local values
  values=$(values_file 'echo 7 >/dev/termination-log')
  run --separate-stderr env --ignore-environment PATH="$PATH" KUBECONFIG="$KUBECONFIG" GKE_JOB_PYTHON="$GKE_JOB_PYTHON" \
    bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" --name no-home
  assert_success
  assert_output 7
}

@test "own reading: values of more than 131,072 bytes use a file; an oversized value is an error" {
  local values=$BATS_TEST_TMPDIR/values.json
  # shellcheck disable=SC2016 # for the shell of the container
  "$GKE_JOB_PYTHON" -c 'import json; print(json.dumps({"image": "busybox:1.37", "args": ["x" * 100000] * 2,
    "command": ["sh", "-c", "printf %s ${#A} >/dev/termination-log"], "env": {"A": "x" * 131069}}))' >"$values"
  run_script run-job --template batch-job --values "$values" --name large
  assert_success
  assert_output 131069
  "$GKE_JOB_PYTHON" -c 'import json; print(json.dumps({"image": "busybox:1.37", "env": {"A": "x" * 131070}}))' >"$values"
  run_script run-job --template batch-job --values "$values" --name too-large
  assert_one_error 65 'batch-job.yaml.j2: env of container main has an item of 131072 bytes, more than the maximum of 131071; '
  no_job too-large
}

@test "own reading: an interruption never ends with 0: TERM 143, INT 130, HUP 129" {
  local signal
  local -A expected=([TERM]=143 [INT]=130 [HUP]=129)
  for signal in TERM INT HUP; do
    start_job 'trap exit TERM; sleep 60 & wait' --name "by-${signal,,}"
    kill "-$signal" "$runner"
    wait_for "$runner"
    assert_equal "$signal $status" "$signal ${expected[$signal]}"
    wait_until no_job "$job"
  done
}

@test "submit-job, poll-job and collect-job on different machines give the same result as run-job" {
  local job namespace uid
  machine() { # NAME SCRIPT ARGUMENT...: machines share only the cluster
    mkdir -p "$BATS_TEST_TMPDIR/$1/tmp"
    HOME=$BATS_TEST_TMPDIR/$1 TMPDIR=$BATS_TEST_TMPDIR/$1/tmp run_script "${@:2}"
  }
  printf '%s' '{"image": "busybox:1.37", "command": ["sh", "-c", "echo 0.5 >/dev/termination-log"],' \
    ' "queue": "none"}' >"$BATS_TEST_TMPDIR/queued.json" # a Job with a queue is suspended until it is resumed
  machine one submit-job --template batch-job --values "$BATS_TEST_TMPDIR/queued.json"
  assert_success
  read -r job namespace uid <<<"$output"
  machine two poll-job --job "$job" --namespace "$namespace" --uid "$uid"
  assert_failure 75
  kubectl patch job "$job" --type merge --patch '{"spec": {"suspend": false}}'
  wait_for_condition Complete "$job"
  machine two poll-job --job "$job" --namespace "$namespace" --uid "$uid"
  assert_success
  machine three collect-job --job "$job" --namespace "$namespace" --uid "$uid"
  assert_success
  assert_output 0.5
  assert_regex "$(field "$job" '{.metadata.annotations.gke-job/collected}')" '^20'
}

@test "no output of a run contains the container's environment or arguments" {
  printf '{"image": "busybox:1.37", "command": ["sh", "-c", "exit 3", "hush-argument"], "env": {"KEY": "hush-variable"}, "retries": 0}' \
    >"$BATS_TEST_TMPDIR/values.json"
  run bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$BATS_TEST_TMPDIR/values.json"
  assert_failure 1
  refute_output --partial hush
}

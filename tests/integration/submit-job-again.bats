#!/usr/bin/env bats
# submit-job for a task that already has a Job: attach to it, replace it, or refuse.
# shellcheck disable=SC2154 # namespace and uid are set by functions of test_helper

setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

submit() { # SHELL-COMMAND [OPTION...]
  run_script submit-job --template batch-job --values "$(values_file "$1")" "${@:2}"
}

@test "a second submit of the same task attaches to the running Job" {
  submit 'trap exit TERM; sleep 60 & wait'
  local first=$output
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'trap exit TERM; sleep 60 & wait'
  assert_success
  assert_equal "$output" "$first"
  assert_regex "$stderr" 'attaching to Job .*: it is still running'
}

@test "another map index is another Job" {
  submit 'trap exit TERM; sleep 60 & wait'
  local first=$output
  GKE_JOB_MAP_INDEX=1 submit 'trap exit TERM; sleep 60 & wait'
  assert_success
  assert_not_equal "${output%% *}" "${first%% *}"
}

@test "a running Job of the same task from another manifest is refused: 65" {
  submit 'trap exit TERM; sleep 60 & wait'
  submit 'trap exit TERM; sleep 61 & wait'
  assert_one_error 65 'is still running, from another manifest .*delete-job --job'
}

@test "from a shell, the error about a running Job of another manifest suggests --name" {
  unset AIRFLOW_CTX_DAG_ID
  submit 'trap exit TERM; sleep 60 & wait' --name by-hand
  submit 'trap exit TERM; sleep 61 & wait' --name by-hand
  assert_one_error 65 'is still running, from another manifest .*: wait for it, give another --name to run both Jobs'
}

@test "--on-change attach uses the running Job of another manifest" {
  submit 'trap exit TERM; sleep 60 & wait'
  local first=$output
  submit 'trap exit TERM; sleep 61 & wait' --on-change attach
  assert_success
  assert_equal "$output" "$first"
  assert_regex "$stderr" 'attaching to Job .*: it is still running, from another manifest'
}

@test "--on-change replace ends the running Job of another manifest and creates a new one" {
  submit 'trap exit TERM; sleep 60 & wait'
  submitted
  local first=$uid
  submit 'trap exit TERM; sleep 61 & wait' --on-change replace
  assert_success
  submitted
  assert_not_equal "$uid" "$first"
  assert_equal "$(kubectl get job "$job" --output 'jsonpath={.metadata.uid}')" "$uid"
  assert_regex "$stderr" 'replacing Job'
}

@test "submit-job waits for a Job that is being deleted, and never attaches to it" {
  submit 'trap exit TERM; sleep 60 & wait'
  submitted
  local first=$uid
  wait_until sh -c "kubectl get pods --selector job-name=$job | grep Running"
  kubectl patch job "$job" --type merge --patch '{"metadata": {"finalizers": ["test/hold"]}}'
  kubectl delete job "$job" --wait=false
  bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$(values_file 'trap exit TERM; sleep 61 & wait')" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep -q 'is being deleted: waiting until it is removed' "$BATS_TEST_TMPDIR/err"
  kubectl patch job "$job" --type merge --patch '{"metadata": {"finalizers": []}}'
  wait_for $!
  assert_equal "$status" 0
  output=$(<"$BATS_TEST_TMPDIR/out")
  submitted
  assert_not_equal "$uid" "$first"
}

@test "of submits that replace a Job concurrently one creates the new Job and the others attach to it" {
  submit 'false'
  submitted
  wait_for_condition Failed "$job"
  # The new Job must not fail.
  submit_three_times --template batch-job --values "$(values_file 'test -e /end || sleep 60')"
  assert_equal "$(cat "$BATS_TEST_TMPDIR"/err.* | grep --count 'created Job')" 1
  assert_equal "$(cut --delimiter=' ' --fields=3 "$BATS_TEST_TMPDIR/out.1")" \
    "$(kubectl get job "$job" --output 'jsonpath={.metadata.uid}')"
}

@test "submit-job attaches to a complete Job whose result was not collected" {
  submit 'true'
  local first=$output
  submitted
  wait_for_condition Complete "$job"
  submit 'true'
  assert_success
  assert_equal "$output" "$first"
  assert_regex "$stderr" 'its result was not collected'
}

@test "S4: a complete Job of another manifest is replaced" {
  submit 'true'
  submitted
  wait_for_condition Complete "$job"
  local first=$uid
  submit 'exit 0'
  assert_success
  submitted
  assert_not_equal "$uid" "$first"
  assert_regex "$stderr" 'replacing Job .*: it is complete, but from another manifest'
}

@test "S4: --on-change attach also replaces it" {
  submit 'true'
  submitted
  wait_for_condition Complete "$job"
  local first=$uid
  submit 'exit 0' --on-change attach
  assert_success
  submitted
  assert_not_equal "$uid" "$first"
}

@test "a running Job of an earlier try is replaced when a cleared task starts again" {
  submit 'trap exit TERM; sleep 60 & wait'
  submitted
  local first=$uid
  GKE_JOB_CLEARED=attach AIRFLOW_CTX_TRY_NUMBER=2 submit 'trap exit TERM; sleep 60 & wait'
  submitted
  assert_equal "$uid" "$first"
  GKE_JOB_CLEARED=replace AIRFLOW_CTX_TRY_NUMBER=2 submit 'trap exit TERM; sleep 60 & wait'
  submitted
  assert_not_equal "$uid" "$first"
  assert_regex "$stderr" 'replacing Job .* of try 1: the task was cleared'
}

@test "a collected Job is replaced: the task was cleared" {
  submit 'true'
  submitted
  wait_for_condition Complete "$job"
  run_script collect-job --job "$job"
  local first=$uid
  submit 'true'
  assert_success
  submitted
  assert_not_equal "$uid" "$first"
}

@test "a failed Job is replaced: the task is retried" {
  submit 'false'
  submitted
  wait_for_condition Failed "$job"
  local first=$uid
  submit 'false'
  assert_success
  submitted
  assert_not_equal "$uid" "$first"
}

@test "a Job with the same name of another task is never changed: 65" {
  create_job stranger 'trap exit TERM; sleep 60 & wait'
  submit 'true' --name stranger
  assert_one_error 65 "Job stranger exists and belongs to another task"
  run kubectl get job stranger --output name
  assert_success
}

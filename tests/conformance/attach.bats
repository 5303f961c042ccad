#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; job and uid are set by submitted of test_helper
# Attach or submit: submit-job for a task that already has a Job on the cluster.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() { delete_namespace; }

submit() { # SHELL-COMMAND [OPTION...] -> job, uid
  run_script submit-job --template batch-job --values "$(values_file "$1")" "${@:2}"
  submitted
}

@test "A#39791: a second submit of the same task attaches to the running Job" {
  submit 'sleep 60'
  assert_success
  local first=$output
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'sleep 60'
  assert_success
  assert_equal "$output" "$first"
  assert_regex "$stderr" "attaching to Job $job: it is still running"
}

@test "of concurrent submits one creates the Job and the others attach to it" {
  submit_three_times --template batch-job --values "$(values_file 'sleep 60')"
  assert_equal "$(grep --count 'created Job' "$BATS_TEST_TMPDIR"/err.* | grep --count ':1$')" 1
}

@test "a running Job from another manifest is refused: 65" {
  submit 'sleep 60'
  submit 'sleep 61'
  assert_one_error 65 "Job $job.* is still running, from another manifest"
}

@test "submits attach to a complete Job until its result is collected, then replace it" {
  submit 'echo 7 >/dev/termination-log'
  local first=$uid
  wait_for_condition Complete "$job"
  submit 'echo 7 >/dev/termination-log'
  assert_equal "$uid" "$first"
  assert_regex "$stderr" 'it is complete and its result was not collected'
  run_script collect-job --job "$job" --uid "$uid"
  assert_output 7
  submit 'echo 7 >/dev/termination-log'
  assert_success
  assert_not_equal "$uid" "$first"
}

@test "A#12111: a failed Job is replaced: the next try is a new Job" {
  submit 'exit 3'
  local first=$uid
  wait_for_condition Failed "$job"
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'exit 3'
  assert_success
  assert_not_equal "$uid" "$first"
  assert_field "$job" '{.metadata.uid} {.metadata.annotations.gke-job/try-number}' "$uid 2"
}

@test "a Job with the same name of another task is left unchanged: 65" {
  create_job stranger 'true'
  submit 'true' --name stranger
  assert_one_error 65 "Job stranger exists and belongs to another task"
  assert_regex "$(field stranger '{.metadata.uid}')" '.'
}

@test "V2: a quota prevents the Job: submit-job waits for --schedule-timeout: 124" {
  [[ $CONFORMANCE_CLUSTER != localgke ]] || skip 'the stand-in has no quotas'
  kubectl create quota no-jobs --hard count/jobs.batch=0 >/dev/null
  submit 'true' --schedule-timeout 2 --name no-room
  kubectl delete quota no-jobs >/dev/null
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" 'cannot create Job no-room: the quota was exceeded for 2 s'
}

@test "an exhausted quota does not hide the running Job of the task: submit-job attaches to it" {
  [[ $CONFORMANCE_CLUSTER != localgke ]] || skip 'the stand-in has no quotas'
  submit 'sleep 60'
  local first=$output
  kubectl create quota no-more-jobs --hard count/jobs.batch=0 >/dev/null
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'sleep 60' --timeout 30
  kubectl delete quota no-more-jobs >/dev/null
  assert_success
  assert_equal "$output" "$first"
}

# Submits the Job of a task, which owns the ConfigMap JOB-items.
submit_items() { # NAME [OPTION...] -> uid
  printf '{"image": "busybox:1.37", "command": ["sleep", "60"], "items": ["a", "b"]}' >"$BATS_TEST_TMPDIR/items.json"
  run_script submit-job --template indexed-job --values "$BATS_TEST_TMPDIR/items.json" --name "$@"
  read -r _ _ uid <<<"$output"
}

@test "S5: a foreign object has the name of an object that the Job must own: 65 at once, no Job" {
  local began=$SECONDS
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs-items"}, "data": {"0": "theirs"}}'
  submit_items theirs
  assert_one_error 65 'ConfigMap/theirs-items exists and does not belong to a Job of this task: delete it'
  ((SECONDS - began < 60)) # not until REMOVAL_SECONDS
  assert [ -z "$(kubectl get job theirs --ignore-not-found --output name)" ]
  assert_equal "$(kubectl get configmap theirs-items --output 'jsonpath={.data.0}')" theirs
}

@test "S5: such an object with our label but another owner: 124 after a bounded wait, no Job is left" {
  local identity
  submit_items label-giver
  assert_success
  identity=$(field label-giver '{.metadata.labels.gke-job/identity}')
  kubectl create --filename - <<JSON
{"apiVersion": "v1", "kind": "ConfigMap", "data": {"0": "theirs"}, "metadata": {"name": "stays-items",
 "labels": {"gke-job/identity": "$identity"},
 "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "label-giver", "uid": "$uid", "controller": true}]}}
JSON
  submit_items stays --timeout 5
  assert_failure 124
  assert_regex "$stderr" 'ConfigMap/stays-items still belongs to the previous Job'
  wait_until gone job/stays
  assert_equal "$(kubectl get configmap stays-items --output 'jsonpath={.data.0}')" theirs
}

# Replaces an immutable ConfigMap by another one with the same owner.
replace_data() { # NAME JSON
  local object
  object=$(kubectl get configmap "$1" --output json | "$GKE_JOB_PYTHON" -c '
import json, sys
found = json.load(sys.stdin)
metadata = {key: found["metadata"][key] for key in ("name", "labels", "ownerReferences")}
print(json.dumps({**found, "metadata": metadata, "data": {**found["data"], **json.loads(sys.argv[1])}}))' "$2")
  kubectl delete configmap "$1"
  kubectl create --filename - <<<"$object"
}

@test "S5: our own object with changed or additional data is not used: 65" {
  submit_items changed
  assert_success
  replace_data changed-items '{"0": "other"}'
  AIRFLOW_CTX_TRY_NUMBER=2 submit_items changed
  assert_failure 65
  assert_regex "$stderr" 'ConfigMap/changed-items exists with a content that differs from the manifest'
  kubectl delete configmap changed-items
  AIRFLOW_CTX_TRY_NUMBER=2 submit_items changed
  assert_success
  replace_data changed-items '{"more": "x"}'
  AIRFLOW_CTX_TRY_NUMBER=2 submit_items changed
  assert_failure 65
}

#!/usr/bin/env bats
# Deletion of Jobs: propagation policies for their Pods, and the uid that protects the next Job of the same name.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown() { end_children; }

teardown_file() { delete_namespace; }

create_running_job() { # NAME
  create_job "$1" 'trap exit TERM; sleep 60 & wait' >/dev/null
  kubectl wait --for 'jsonpath={.status.ready}=1' "job/$1" --timeout 60s
}

delete_raw() { # JOB UID POLICY
  printf '{"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "%s", "preconditions": {"uid": "%s"}}' \
    "$3" "$2" >"$BATS_TEST_TMPDIR/options"
  kubectl delete --raw "/apis/batch/v1/namespaces/$NAMESPACE/jobs/$1" --filename "$BATS_TEST_TMPDIR/options"
}

@test "background: the Job is removed at once, its Pods afterwards" {
  create_running_job background
  delete_raw background "$(field background '{.metadata.uid}')" Background
  run kubectl get job background
  assert_failure 1
  assert_output 'Error from server (NotFound): jobs.batch "background" not found'
  wait_until no_pods background
}

@test "foreground: a finalizer keeps the Job until its Pods are removed" {
  create_running_job foreground
  kubectl get jobs --watch --output-watch-events \
    --output 'jsonpath={.type} {.object.metadata.name} {.object.metadata.finalizers}{"\n"}' \
    >"$BATS_TEST_TMPDIR/events" 3>&- &
  wait_until grep -q '^ADDED foreground' "$BATS_TEST_TMPDIR/events"
  delete_raw foreground "$(field foreground '{.metadata.uid}')" Foreground
  wait_until grep -q '^DELETED foreground' "$BATS_TEST_TMPDIR/events"
  assert_regex "$(<"$BATS_TEST_TMPDIR/events")" 'MODIFIED foreground \["foregroundDeletion"\]'
  assert no_pods foreground
}

@test "a deletion with another uid than the Job's: 409, and the Job stays" {
  create_running_job other
  local other=00000000-0000-0000-0000-000000000000
  run delete_raw other "$other" Background
  assert_failure 1
  assert_output --partial 'Error from server (Conflict): Operation cannot be fulfilled on Job.batch "other": the UID in the'
  assert_output --partial "precondition ($other) does not match the UID in record ($(field other '{.metadata.uid}'))"
  assert_field other '{.metadata.deletionTimestamp}' ''
}

@test "delete-job ends when the Job and its Pods are removed" {
  create_running_job all
  run_script delete-job --job all
  assert_success
  assert_equal "$(kubectl get jobs,pods --selector job-name=all --output name)" ''
}

@test "delete-job succeeds for a Job that is already deleted" {
  run_script delete-job --job never-was
  assert_success
  assert_regex "$stderr" 'already deleted'
}

@test "follow-job ends with 1 when the Job is deleted before it is finished" {
  create_running_job followed
  bash "$REPOSITORY/scripts/follow-job" --job followed 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep 'Job followed is active' "$BATS_TEST_TMPDIR/err"
  kubectl delete job followed --wait=false
  wait_for $!
  assert_equal "$status" 1
  assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" 'follow-job: Job followed was deleted before it was finished'
}

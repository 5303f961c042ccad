#!/usr/bin/env bats
# Finished Jobs with a TTL.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

@test "a finished Job is removed after its TTL, with its Pods" {
  create_job expired 'true' '{"ttlSecondsAfterFinished": 1}'
  kubectl wait --for delete job/expired --timeout 60s
  assert_equal "$(kubectl get pods --selector job-name=expired --output name)" ''
}

# Follows a Job with the TTL 0 from before its start to its removal. Sets status.
follow_to_its_removal() { # JOB SHELL-COMMAND
  create_job "$1" "$2" '{"suspend": true, "ttlSecondsAfterFinished": 0}'
  bash "$REPOSITORY/scripts/follow-job" --job "$1" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep "Job $1 is suspended" "$BATS_TEST_TMPDIR/err"
  kubectl patch job "$1" --type merge --patch '{"spec": {"suspend": false}}'
  wait_for $!
}

@test "k#1482: follow-job ends with 0 for a Job that is removed as soon as it is complete" {
  follow_to_its_removal at-once 'true'
  assert_equal "$status" 0
}

@test "follow-job ends with 1 for a Job that is removed as soon as it has failed" {
  follow_to_its_removal failing 'exit 3'
  assert_equal "$status" 1
}

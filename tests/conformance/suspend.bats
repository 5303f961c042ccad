#!/usr/bin/env bats
# Suspended Jobs, as Kueue and users create them: they wait without a failure.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown() { end_children; }

teardown_file() { delete_namespace; }

suspend() { # JOB true|false
  kubectl patch job "$1" --type merge --patch "{\"spec\": {\"suspend\": $2}}"
}

pod_is_running() { # JOB
  [[ $(field "$1" '{.status.ready}') == 1 ]]
}

@test "A#70585: a Job that is created suspended has no Pod; follow-job waits until it is resumed" {
  create_job created 'true' '{"suspend": true}'
  bash "$REPOSITORY/scripts/follow-job" --job created 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep 'Job created is suspended' "$BATS_TEST_TMPDIR/err"
  assert_equal "$(conditions created)" 'Suspended=True:JobSuspended'
  assert_field created '{.status.startTime}{.status.active}' ''
  suspend created false
  wait_for $!
  assert_equal "$status" 0
  assert_equal "$(conditions created)" \
    'Suspended=False:JobResumed SuccessCriteriaMet=True:CompletionsReached Complete=True:CompletionsReached'
  event created Suspended 'Job suspended'
  event created Resumed 'Job resumed'
}

@test "a suspended running Job loses its Pod without a failure, and gets a new one when resumed" {
  create_job running 'trap exit TERM; sleep 60 & wait' '{"backoffLimit": 0}'
  bash "$REPOSITORY/scripts/follow-job" --job running 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  local follower=$!
  wait_until pod_is_running running
  suspend running true
  wait_until grep 'Job running is suspended' "$BATS_TEST_TMPDIR/err"
  wait_until no_pods running
  assert_field running '{.status.active}{.status.failed}' ''
  suspend running false
  wait_until pod_is_running running
  wait_until grep 'Job running is active' "$BATS_TEST_TMPDIR/err"
  kill "$follower"
  wait_for "$follower"
  assert_equal "$status" 143
  refute grep 'has failed' "$BATS_TEST_TMPDIR/err"
}

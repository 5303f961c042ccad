#!/usr/bin/env bats
# run-job with a faulty connection to the cluster: the exit code and the result are correct.
# bats file_tags=needs:faults

source "$BATS_TEST_DIRNAME/../dev/faults/setup.bash"

@test "watches that the server ends are restarted" {
  local watches
  start_suspended_job 'echo 1 >/dev/termination-log'
  watches=$(requests watch)
  fault watch:end:now
  more_requests watch "$watches" 2
  resume "$job"
  assert_ended 0 1
}

@test "a waiting run makes at most two requests per minute" {
  local before
  start_suspended_job 'echo 1 >/dev/termination-log' --heartbeat 10
  before=$(requests any)
  said "Job $job is not finished after .*; Pods: none"
  assert_equal "$(requests any)" "$before"
  WAIT_SECONDS=100 said "Job $job is not finished after [6-9]. s; Pods: none"
  assert [ "$(($(requests any) - before))" -le 2 ]
  resume "$job"
  assert_ended 0 1
}

@test "when watch events are lost silently, the end is detected within two minutes" {
  start_suspended_job 'echo 1 >/dev/termination-log'
  fault watch:blackhole
  resume "$job"
  local began=$SECONDS
  assert_ended 0 1
  assert [ "$((SECONDS - began))" -lt 120 ]
}

@test "watches that end with 410 Expired are restarted" {
  local watches
  start_suspended_job 'echo 1 >/dev/termination-log'
  watches=$(requests watch)
  fault watch:gone:now
  more_requests watch "$watches" 2
  resume "$job"
  assert_ended 0 1
}

@test "connections refused while the Job starts and completes: its result is returned afterwards" {
  start_suspended_job 'echo 2 >/dev/termination-log'
  fault refuse
  said 'retrying for up to'
  resume "$job"
  kubectl_directly wait --for condition=Complete "job/$job" --timeout 60s
  clear_faults
  assert_ended 0 2
}

@test "connections refused while the Job fails: run-job reports the failure and its reason" {
  start_suspended_job 'exit 3'
  fault refuse
  said 'retrying for up to'
  resume "$job"
  kubectl_directly wait --for condition=Failed "job/$job" --timeout 60s
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" "Job $job failed: .*backoff limit"
}

@test "500 at every stage, then recovery: one Job, its exit code and its result" {
  local struck
  struck=$(requests struck)
  fault create:status=500:1
  start_suspended_job 'echo 3 >/dev/termination-log'
  assert_equal "$(requests struck)" "$((struck + 1))"
  assert_equal "$(kubectl_directly get jobs --selector gke-job/identity --output name | grep --count "$job")" 1
  fault watch:end:now watch:status=500:2 any/pods$:status=500:2
  more_requests struck "$struck" 5
  resume "$job"
  assert_ended 0 3
}

@test "a Job whose creation succeeded without an answer is recognized as this run's Job" {
  fault create:lose:1
  start_suspended_job 'echo 5 >/dev/termination-log'
  said "attaching to Job $job"
  resume "$job"
  assert_ended 0 5
}

@test "a Job whose creation got no answer and that has failed since is not run again" {
  local struck
  struck=$(requests struck)
  fault create:lose:1 create:blackhole
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file 'exit 3')" --name failed-unanswered \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  more_requests struck "$struck" 2
  kubectl_directly wait --for condition=Failed job/failed-unanswered --timeout 60s
  uid=$(kubectl_directly get job failed-unanswered --output 'jsonpath={.metadata.uid}')
  clear_faults
  assert_ended 1 ''
  assert_equal "$(kubectl_directly get job failed-unanswered --output 'jsonpath={.metadata.uid}')" "$uid"
}

@test "a run does not need the OpenAPI schema, which a cluster may not return" {
  export HOME=$BATS_TEST_TMPDIR # without a discovery cache of kubectl
  fault discovery/openapi:status=500
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file 'echo 6 >/dev/termination-log')" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  assert_ended 0 6
}

@test "unavailable logs do not affect the outcome of the Job" {
  local struck
  start_suspended_job 'echo unheard; echo 4 >/dev/termination-log'
  struck=$(requests struck)
  fault log:status=500
  resume "$job"
  assert_ended 0 4
  assert at_least struck "$((struck + 1))"
}

@test "a failed patch of the collected mark is retried, so that the result is not returned twice" {
  start_suspended_job 'echo 5 >/dev/termination-log'
  fault patch:status=500:1
  resume "$job"
  assert_ended 0 5
  assert_regex "$(kubectl_directly get job "$job" --output 'jsonpath={.metadata.annotations.gke-job/collected}')" '^20'
}

@test "every line of a log whose stream breaks repeatedly is read once" {
  local struck
  struck=$(requests struck)
  fault log:drop=150:3
  # shellcheck disable=SC2016 # for the shell of the container
  start_suspended_job 'for i in $(seq 40); do echo "line $i"; sleep 0.1; done; echo 6 >/dev/termination-log'
  resume "$job"
  assert_ended 0 6
  assert_equal "$(sed -n 's/.* | line //p' "$BATS_TEST_TMPDIR/err")" "$(seq 40)"
  assert_equal "$(requests struck)" "$((struck + 3))"
}

@test "when a token expires while the Job is followed, the watches are restarted with a new token" {
  local watches
  start_suspended_job 'echo 7 >/dev/termination-log'
  watches=$(requests watch)
  fault watch:end:now watch:status=401:4
  said 'not logged in'
  more_requests watch "$watches" 2
  resume "$job"
  assert_ended 0 7
}

@test "follow-job retries after 429 and 504" {
  local struck
  start_suspended_job 'echo 8 >/dev/termination-log'
  struck=$(requests struck)
  fault watch:end:now watch:status=504:2 watch:status=429:2
  more_requests struck "$struck" 6
  resume "$job"
  assert_ended 0 8
}

@test "a run works with an API server that takes half a second for every answer" {
  fault any:delay=0.5
  start_suspended_job 'echo 9 >/dev/termination-log'
  resume "$job"
  assert_ended 0 9
}

@test "no answer for --unreachable-timeout: 69, and the Job continues" {
  start_suspended_job 'true' --unreachable-timeout 2
  fault refuse
  assert_ended 69 ''
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "cannot watch Job $job: the cluster did not answer"
  kubectl_directly get job "$job"
}

@test "permissions removed while the Job is followed: 77 with the verb, after a grace period" {
  start_suspended_job 'true' --unreachable-timeout 2
  fault watch:end:now any:status=403
  assert_ended 77 ''
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'retrying for up to'
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" 'permission denied: .*cannot (list|watch) resource "(jobs|pods)"'
  kubectl_directly get job "$job"
}

@test "interrupted while the patch of the mark gets no answer: the log says how to print the result" {
  start_suspended_job 'echo 4 >/dev/termination-log' --on-kill keep
  fault patch:blackhole
  local struck
  struck=$(requests struck)
  resume "$job"
  more_requests struck "$struck" 1
  terminate
  said 'trying for 10 s more'
  clear_faults
  assert_ended 143 ''
  assert_regex "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" "Job $job .* is complete, and the next run of this task collects its result"
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Job $job is complete, but may be marked as collected: print its result with: collect-job --namespace"
}

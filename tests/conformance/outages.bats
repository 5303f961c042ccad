#!/usr/bin/env bats
# Interrupted and missing logs (L), and a Job that is removed while the cluster does not answer (V8).
# shellcheck disable=SC2154 # job and status are set by functions of faults.bash
# bats file_tags=needs:faults

source "$BATS_TEST_DIRNAME/../dev/faults/setup.bash"

@test "L1: a line of more than 16 KiB whose stream breaks between two parts is read once" {
  local struck
  struck=$(requests struck)
  # shellcheck disable=SC2016 # for the shell of the container
  start_suspended_job 'echo line 0; printf "a%16999s" | tr " " a; sleep 3; printf "b%8000s\n" | tr " " b
    for n in $(seq 20); do echo line $n; sleep 0.2; done; echo 1 >/dev/termination-log'
  fault log:drop=12000:1
  resume "$job"
  more_requests struck "$struck" 1
  assert_ended 0 1
  assert_equal "$(sed -n 's/.* | line //p' "$BATS_TEST_TMPDIR/err")" "$(seq 0 20)"
  sed -n 's/^.\{5\} | \([ab]\)/\1/p' "$BATS_TEST_TMPDIR/err" >"$BATS_TEST_TMPDIR/long"
  assert_equal "$(tr -d '\nb' <"$BATS_TEST_TMPDIR/long" | wc --bytes)" 17000
  assert_equal "$(tr -d '\na' <"$BATS_TEST_TMPDIR/long" | wc --bytes)" 8001
}

@test "L1: a line whose text looks like a timestamp, at which the stream breaks, is read once" {
  # shellcheck disable=SC2016 # for the shell of the container
  start_suspended_job 'for n in $(seq 40); do echo "2030-01-01T00:00:00Z line $n"; sleep 0.1; done'
  fault log:drop=150:3
  resume "$job"
  assert_ended 0 null
  assert_equal "$(sed -n 's/.* | 2030-01-01T00:00:00Z line //p' "$BATS_TEST_TMPDIR/err")" "$(seq 40)"
}

# Waits until the Job is complete, and asserts that follow-job reports that before DRAIN_SECONDS of
# gke_jobs/following/log_streams.py, and that run-job ends with this result.
assert_ends_soon() { # RESULT
  local began
  kubectl_directly wait --for condition=Complete "job/$job" --timeout 60s
  began=$SECONDS
  said "^follow-job: Job $job is complete"
  ((SECONDS - began < 10)) || fail "it took $((SECONDS - began)) s"
  assert_ended 0 "$1"
}

@test "L4: a node that does not answer a log request causes no delay" {
  start_suspended_job 'echo unheard; echo 4 >/dev/termination-log'
  fault log:blackhole
  resume "$job"
  assert_ends_soon 4
  assert grep --quiet 'the log of .* could not be read' "$BATS_TEST_TMPDIR/err"
}

@test "L4: a node that stops to answer in the middle of a log causes no delay" {
  start_suspended_job 'echo heard; sleep 10; echo unheard; echo 4 >/dev/termination-log'
  resume "$job"
  said '| heard'
  fault log:blackhole
  assert_ends_soon 4
  refute grep --quiet '| unheard' "$BATS_TEST_TMPDIR/err"
}

@test "L4: a node that answers log requests with errors causes no delay" {
  start_suspended_job 'echo unheard; echo 4 >/dev/termination-log'
  fault log:status=503
  resume "$job"
  assert_ends_soon 4
}

@test "V8: a Job that ends and is removed by its TTL while the cluster does not answer: a message, 1" {
  TTL=0 start_suspended_job 'true'
  uid=$(kubectl_directly get job "$job" --output 'jsonpath={.metadata.uid}')
  fault refuse
  said 'retrying for up to'
  resume "$job"
  kubectl_directly wait --for delete "job/$job" --timeout 60s
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" \
    "Job $job .*no longer exists: it was deleted, or its TTL removed it; whether it succeeded is not known"
  run_script poll-job --job "$job" --uid "$uid"
  assert_one_error 1 "Job $job .*no longer exists: it was deleted, or its TTL removed it; whether it succeeded is not known"
}

@test "V8: a Job that a user deletes while the cluster does not answer: a message, 1" {
  start_suspended_job 'true'
  fault refuse
  said 'retrying for up to'
  kubectl_directly delete job "$job"
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" "Job $job .*no longer exists: .* whether it succeeded is not known"
}

@test "V8: a new Job with the same name after the outage is not followed" {
  start_suspended_job 'true'
  fault refuse
  said 'retrying for up to'
  kubectl_directly delete job "$job"
  kubectl_directly create job "$job" --image busybox:1.37 --dry-run=client --output json -- true |
    kubectl_directly create --filename -
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" "Job $job .*no longer exists: .* whether it succeeded is not known"
}

#!/usr/bin/env bats
setup_file() {
  load test_helper
  use_own_namespace
}

setup() { load test_helper; }

teardown() {
  kubectl delete jobs --all --wait=false >/dev/null
}

@test "k#1629: ends with 0 when the Job is complete" {
  create_job complete 'true'
  run_script follow-job --job complete
  assert_success
  assert_equal "${stderr_lines[-1]}" 'follow-job: Job complete is complete'
}

@test "k#1629: ends with 1 and the reason when the Job has failed" {
  create_job failed 'exit 3'
  run_script follow-job --job failed
  assert_failure 1
  assert_regex "${stderr_lines[-1]}" 'Job failed failed: Job has reached the specified backoff limit'
  assert_regex "$stderr" 'container main: exit code 3'
  assert_regex "$stderr" 'Pod failed-.* has failed with exit code 3'
}

@test "--once: 75 if the Job is not finished, with the lines since the last check on stdout" {
  local uid
  uid=$(create_job checked 'echo started; sleep 60')
  wait_until sh -c 'kubectl logs job/checked | grep --quiet started'
  run_script follow-job --job checked --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_failure 75
  assert_output --regexp '^.{5} \| started$'
  assert_regex "${stderr_lines[-1]}" '^follow-job: Job checked is not finished after [0-9]+ s; Pods: 1 running$'
  run_script follow-job --job checked --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_failure 75
  assert_output ''
}

@test "ends at once when the Job is already finished" {
  create_job before 'echo hello'
  kubectl wait --for condition=Complete job/before --timeout 30s
  run_script follow-job --job before
  assert_success
  assert_output --regexp '^.{5} \| hello$'
}

@test "shows log lines on stdout while the Job runs, with the suffix of the Pod's name as prefix" {
  create_job live 'echo started; sleep 60'
  bash "$REPOSITORY/scripts/follow-job" --job live >"$BATS_TEST_TMPDIR/log" 2>/dev/null 3>&- &
  wait_until grep -E '^.{5} \| started$' "$BATS_TEST_TMPDIR/log"
  kill $!
  wait_for $!
  assert_equal "$status" 143
}

@test "A#44994: shows the logs of all Pods of a parallel Job" {
  # shellcheck disable=SC2016 # for the shell of the container
  create_job parallel 'echo index $JOB_COMPLETION_INDEX' '{"completions": 3, "parallelism": 3, "completionMode": "Indexed"}'
  run_script follow-job --job parallel
  assert_success
  assert_equal "$(printf '%s\n' "${lines[@]##* | }" | sort | xargs)" 'index 0 index 1 index 2'
  assert_output --regexp '2-.{5} \| index 2'
}

@test "also shows the logs of Pods beyond --max-log-streams" {
  create_job many 'echo line' '{"completions": 4, "parallelism": 4}'
  run_script follow-job --job many --max-log-streams 1
  assert_success
  assert_equal "${#lines[@]}" 4
}

@test "A#42144: follow-job shows the log of a failed Pod before it ends" {
  create_job verdict 'echo the reason; exit 1'
  run_script follow-job --job verdict
  assert_failure 1
  assert_output --partial 'the reason'
}

@test "a last log line without a newline is a line" {
  create_job newline 'printf "no newline"'
  bash "$REPOSITORY/scripts/follow-job" --job newline >"$BATS_TEST_TMPDIR/log" 2>/dev/null
  assert_equal "$(tail -c 11 "$BATS_TEST_TMPDIR/log")" 'no newline'
  assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/log")" 1
}

@test "bytes that are not UTF-8 are unchanged in the log" {
  create_job bytes "printf '\\303(\\n'"
  bash "$REPOSITORY/scripts/follow-job" --job bytes >"$BATS_TEST_TMPDIR/log" 2>/dev/null
  assert_equal "$(tail -c 3 "$BATS_TEST_TMPDIR/log" | od -An -tx1 | xargs)" 'c3 28 0a'
}

# Follows a suspended Job, so that nothing is missed. Sets follower.
follow_suspended_job() { # NAME SHELL-COMMAND [SPEC [CONTAINER]]
  create_job "$1" "$2" "$("$GKE_JOB_PYTHON" -c 'import json, sys
print(json.dumps({"suspend": True, **json.loads(sys.argv[1])}))' "${3:-{\}}")" "${4:-{\}}"
  bash "$REPOSITORY/scripts/follow-job" --job "$1" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  follower=$!
  wait_until grep "Job $1 is suspended" "$BATS_TEST_TMPDIR/err"
}

resume() { # NAME
  kubectl patch job "$1" --type merge --patch '{"spec": {"suspend": false}}'
}

@test "logs that a Job is suspended, and continues when it is resumed" {
  follow_suspended_job suspended 'true'
  resume suspended
  wait_for "$follower"
  assert_equal "$status" 0
}

@test "waits for a node, and logs the scheduler's message" {
  follow_suspended_job patient 'echo on a big node' '{}' '{"resources": {"requests": {"memory": "100Gi"}}}'
  resume patient
  wait_for "$follower"
  assert_equal "$status" 0
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'is waiting for a node: 0/[0-9]+ nodes are available: .*Insufficient memory'
}

@test "a broken connection is restarted, and the end of the Job is not missed" {
  follow_suspended_job reconnected 'echo heard'
  local proxy python
  proxy=$(pgrep --parent "$follower" kubectl)
  python=$(pgrep --parent "$follower" | grep --invert-match --line-regexp "$proxy")
  kill -KILL "$proxy"
  wait_until pgrep --parent "$python" kubectl
  resume reconnected
  wait_for "$follower"
  assert_equal "$status" 0
}

@test "a Job that is deleted while it runs does not hang: 1" {
  create_job deleted 'sleep 60'
  bash "$REPOSITORY/scripts/follow-job" --job deleted 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep 'is running on' "$BATS_TEST_TMPDIR/err"
  kubectl delete job deleted --cascade=background
  wait_for $!
  assert_equal "$status" 1
  grep --quiet '^  1 Pod: 1 running when deleted$' "$BATS_TEST_TMPDIR/err"
  assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" 'follow-job: Job deleted was deleted before it was finished'
}

@test "k#1482: a Job that its TTL removes at once does not hang: 0" {
  follow_suspended_job ttl 'true' '{"ttlSecondsAfterFinished": 0}'
  resume ttl
  wait_for "$follower"
  assert_equal "$status" 0
}

@test "a new Job with the name of a deleted one is not followed: 1" {
  create_job renewed 'sleep 60'
  run_script follow-job --job renewed --uid 00000000-0000-0000-0000-000000000000
  assert_failure 1
  assert_regex "$stderr" 'Job renewed with uid 0.* no longer exists: .* whether it succeeded is not known'
}

@test "--timeout ends the wait with 124 and leaves the Job running" {
  create_job slow 'sleep 60'
  run_script follow-job --job slow --timeout 1
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" 'is not finished: --timeout has expired$'
  run kubectl get job slow --output name
  assert_success
}

@test "--schedule-timeout ends the wait for a node with 124, and logs the scheduler's message" {
  create_job homeless 'true' '{}' '{"resources": {"requests": {"memory": "9Ti"}}}'
  run_script follow-job --job homeless --schedule-timeout 1
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" 'Job homeless has no node: --schedule-timeout has expired: 0/[0-9]+ nodes are available: .*Insufficient memory'
}

@test "--schedule-timeout also ends the wait for a suspended Job: 124" {
  create_job queued 'true' '{"suspend": true}'
  run_script follow-job --job queued --schedule-timeout 1
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" 'Job queued is suspended: --schedule-timeout has expired'
}

@test "A#49784: a wait for a node does not count towards the start timeout" {
  create_job autoscaled 'true' '{}' '{"resources": {"requests": {"memory": "9Ti"}}}'
  run_script follow-job --job autoscaled --start-timeout 1 --timeout 3
  assert_failure 124
}

@test "an image that cannot be pulled ends the wait with 78 after --start-timeout" {
  create_job imageless 'true' '{}' '{"image": "no-such-image"}'
  run_script follow-job --job imageless --start-timeout 1
  assert_failure 78
  assert_regex "${stderr_lines[-1]}" 'Job imageless will never start: for 1 s Pod imageless-.* is unable to start on .*: (ErrImagePull|ImagePullBackOff)$'
}

@test "a progress message follows after --heartbeat without another message" {
  create_job quiet 'sleep 60'
  bash "$REPOSITORY/scripts/follow-job" --job quiet --heartbeat 1 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep -E 'Job quiet is not finished after [0-9]+ s; Pods: 1 running$' "$BATS_TEST_TMPDIR/err"
  kill $!
  wait_for $!
}

@test "a retry is logged with the backoff limit" {
  follow_suspended_job retried 'exit 1' '{"backoffLimit": 1}'
  resume retried
  wait_for "$follower"
  assert_equal "$status" 1
  assert grep 'Job retried continues after a failure: retry 1 of 1' "$BATS_TEST_TMPDIR/err"
}

@test "an invalid number for --timeout is a usage error: 64" {
  run_script follow-job --job any --timeout 5m
  assert_one_error 64 'option --timeout is .5m.: it must be a whole number of seconds above 0'
}

@test "--max-log-streams 0 is a usage error: 64" {
  run_script follow-job --job any --max-log-streams 0
  assert_one_error 64 'option --max-log-streams is .0.: it must be a whole number above 0'
}

@test "a missing Job: 78" {
  run_script follow-job --job never-was
  assert_one_error 78 'jobs.batch "never-was" not found'
}

@test "a caller who may not watch Jobs is denied: 77" {
  kubectl config set-credentials outsider --token outsider-token >/dev/null
  kubectl config set-context outsider --cluster localgke --user outsider --namespace "$NAMESPACE" >/dev/null
  run_script follow-job --job any --context outsider
  assert_one_error 77 'permission denied'
}

@test "no process and no private directory is left" {
  export TMPDIR=$BATS_TEST_TMPDIR/private
  mkdir "$TMPDIR"
  create_job tidy 'true'
  run_script follow-job --job tidy
  assert_success
  assert_equal "$(ls -A "$TMPDIR")" ''
}

@test "--dry-run shows the commands" {
  run_script follow-job --job any --dry-run
  assert_success
  assert_output ''
  assert_regex "$stderr" 'would run: kubectl .*get jobs --field-selector metadata.name=any --watch'
}

@test "a Job in a Kueue queue: the status of its Workload is logged" {
  local follower
  create_job queued 'true' '{"suspend": true}' >/dev/null
  kubectl label job queued kueue.x-k8s.io/queue-name=gpus
  bash "$REPOSITORY/scripts/follow-job" --job queued 2>"$BATS_TEST_TMPDIR/log" 3>&- &
  follower=$!
  wait_until grep --quiet 'Kueue: the cluster has no Workloads of Kueue' "$BATS_TEST_TMPDIR/log"
  kill "$follower"
  wait_for "$follower"
  assert_regex "$(<"$BATS_TEST_TMPDIR/log")" 'Job queued is suspended: it waits until Kueue admits it from queue gpus'
  kubectl delete job queued --wait=false
}

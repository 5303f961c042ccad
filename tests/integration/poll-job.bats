#!/usr/bin/env bats
setup_file() {
  load test_helper
  use_own_namespace
}

setup() { load test_helper; }

@test "a complete Job: 0, and nothing on stdout" {
  create_job complete 'true'
  wait_for_condition Complete complete
  run_script poll-job --job complete
  assert_success
  assert_output ''
  assert_equal "$stderr" 'poll-job: Job complete is complete'
}

@test "a failed Job: 1, with the reason" {
  create_job failed 'false'
  wait_for_condition Failed failed
  run_script poll-job --job failed
  assert_one_error 1 'Job failed failed: Job has reached the specified backoff limit'
}

@test "a running or suspended Job: 75" {
  create_job running 'sleep 60'
  run_script poll-job --job running
  assert_one_error 75 'Job running is not finished'
  create_job suspended 'true' '{"suspend": true}'
  wait_for_condition Suspended suspended
  run_script poll-job --job suspended
  assert_one_error 75 'Job suspended is suspended'
}

@test "the Job with that uid is deleted: 1, even if another Job has its name" {
  create_job stranger 'true'
  wait_for_condition Complete stranger
  run_script poll-job --job stranger --uid 00000000-0000-0000-0000-000000000000
  assert_one_error 1 'Job stranger with uid 0.* no longer exists'
  run_script poll-job --job never-was --uid 00000000-0000-0000-0000-000000000000
  assert_one_error 1 'Job never-was with uid 0.* no longer exists'
}

@test "a missing Job, and no uid: 78" {
  run_script poll-job --job never-was
  assert_one_error 78 'jobs.batch "never-was" not found'
}

@test "a caller who is not logged in: 77" {
  kubectl config set-credentials nobody --token worthless >/dev/null
  kubectl config set-context nobody --cluster localgke --user nobody >/dev/null
  run_script poll-job --job any --context nobody
  assert_one_error 77 'not logged in'
}

@test "sends one request for the Job, and no other" {
  source "$REPOSITORY/tests/dev/faults/faults.bash"
  create_job asked 'sleep 60'
  start_proxy
  run_script poll-job --job asked --namespace "$NAMESPACE"
  assert_failure 75
  assert_equal "$(requests read) $(requests watch)" '1 0' # gcloud's kubectl requests the version, once per cluster
  stop_proxy
}

@test "poll-job waits until a Pod that cannot start starts: 75" {
  create_job heals 'sleep 60' '' '{"image": "no-such-image"}'
  local pod poll status=0
  wait_until sh -c 'kubectl get pods --selector batch.kubernetes.io/job-name=heals | grep -E "ErrImagePull|ImagePullBackOff"'
  pod=$(kubectl get pods --selector batch.kubernetes.io/job-name=heals --output name)
  bash "$REPOSITORY/scripts/poll-job" --job heals --start-timeout 60 2>"$BATS_TEST_TMPDIR/said" &
  poll=$!
  wait_until grep --quiet --extended-regexp "$(basename "$pod") is unable to start on .*(ErrImagePull|ImagePullBackOff)" "$BATS_TEST_TMPDIR/said"
  kubectl patch "$pod" --patch '{"spec": {"containers": [{"name": "main", "image": "busybox:1.37"}]}}' >/dev/null
  wait "$poll" || status=$?
  assert_equal "$status" 75
  assert_regex "$(<"$BATS_TEST_TMPDIR/said")" 'Job heals is not finished; Pods: 1 active, 0 succeeded, 0 failed$'
}

@test "a Pod that cannot start for --start-timeout: 78, with the diagnosis" {
  create_job never 'true' '' '{"image": "no-such-image"}'
  wait_until sh -c 'kubectl get pods --selector batch.kubernetes.io/job-name=never | grep -E "ErrImagePull|ImagePullBackOff"'
  run_script poll-job --job never --start-timeout 1
  assert_failure 78
  assert_output ''
  assert_regex "$stderr" 'Job never will never start: for 1 s Pod never-.* is unable to start on .*(ErrImagePull|ImagePullBackOff)'
  assert_regex "$stderr" 'no-such-image'
}

@test "poll-job does not wait for a Pod that runs or waits for a node: 75" {
  create_job fine 'sleep 60'
  wait_until sh -c 'kubectl get pods --selector batch.kubernetes.io/job-name=fine | grep Running'
  run_script poll-job --job fine --start-timeout 60
  assert_one_error 75 'Job fine is not finished'
  create_job big 'true' '' '{"resources": {"requests": {"cpu": "1000"}}}'
  wait_until sh -c 'kubectl get pods --selector batch.kubernetes.io/job-name=big | grep Pending'
  run_script poll-job --job big --start-timeout 60
  assert_one_error 75 'Job big is not finished'
}

@test "--dry-run shows the command" {
  run_script poll-job --job any --dry-run
  assert_success
  assert_regex "$stderr" 'would run: kubectl .*get job any'
}

@test "a missing --job is a usage error: 64" {
  run_script poll-job
  assert_one_error 64 'option --job is missing'
}

#!/usr/bin/env bats
setup_file() {
  load test_helper
  use_own_namespace
}

setup() { load test_helper; }

@test "deletes the Job and its Pods and waits until they are removed" {
  create_job gone 'trap exit TERM; sleep 60 & wait'
  wait_until sh -c 'kubectl get pods --selector job-name=gone | grep Running'
  run_script delete-job --job gone
  assert_success
  assert_equal "$(kubectl get jobs,pods --selector job-name=gone --output name)" ''
}

@test "a missing Job counts as deleted" {
  run_script delete-job --job never-was
  assert_success
  assert_regex "$stderr" 'already deleted'
}

@test "a Job with another uid is not deleted" {
  create_job stranger 'sleep 60'
  run_script delete-job --job stranger --uid 00000000-0000-0000-0000-000000000000
  assert_success
  run kubectl get job stranger --output name
  assert_success
}

@test "--dry-run deletes nothing" {
  create_job kept 'sleep 60'
  run_script delete-job --job kept --dry-run
  assert_success
  assert_regex "$stderr" 'would run: kubectl .*delete'
  run kubectl get job kept --output name
  assert_success
}

@test "a missing --job is a usage error: 64" {
  run_script delete-job
  assert_one_error 64 'option --job is missing'
}

@test "V6: the wait for a Job whose Pod has a finalizer is limited: 124, with the finalizer" {
  create_job held 'sleep 60'
  wait_until sh -c 'kubectl get pods --selector job-name=held | grep Running'
  local pod
  pod=$(kubectl get pods --selector job-name=held --output 'jsonpath={.items[0].metadata.name}')
  kubectl patch pod "$pod" --type merge --patch '{"metadata": {"finalizers": ["test/hold"]}}'
  run_script delete-job --job held --timeout 3
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" "Job held still exists after [0-9]+ s: finalizers test/hold block the deletion of its Pod $pod"
  kubectl patch pod "$pod" --type merge --patch '{"metadata": {"finalizers": []}}'
}

@test "it works without stdin and without stderr" {
  create_job closed 'sleep 60'
  run bash -c 'bash "$1" --job closed <&- 2>&-' - "$REPOSITORY/scripts/delete-job"
  assert_success
  assert_equal "$(kubectl get job closed --ignore-not-found)" ''
}

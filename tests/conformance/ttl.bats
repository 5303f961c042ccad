#!/usr/bin/env bats
# Jobs that go by themselves when they are finished.

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

@test "k#1482: a Job that is removed as soon as it is complete was complete: follow-job ends with 0" {
  create_job at-once 'sleep 2' '{"ttlSecondsAfterFinished": 0}'
  run_script follow-job --job at-once
  assert_success
}

@test "a Job that is removed as soon as it has failed has failed: follow-job ends with 1" {
  create_job failing 'sleep 2; exit 3' '{"ttlSecondsAfterFinished": 0}'
  run_script follow-job --job failing
  assert_failure 1
}

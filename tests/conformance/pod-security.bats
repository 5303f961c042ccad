#!/usr/bin/env bats
# bats file_tags=needs:pod-security
# A namespace that enforces the Pod Security Standard `restricted`: the shipped templates pass, others get the reason.

setup_file() {
  load test_helper
  use_generated_namespace '"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

@test "a Job of the shipped template runs without a warning" {
  local values
  values=$(values_file 'id -u >/dev/termination-log')
  run_script submit-job --template batch-job --values "$values" --dry-run
  printf '%s' "$output" >"$BATS_TEST_TMPDIR/manifest.yaml"
  run --separate-stderr kubectl create --dry-run=server --output name --filename "$BATS_TEST_TMPDIR/manifest.yaml"
  assert_success
  assert_equal "$stderr" ''
  run_script run-job --template batch-job --values "$values"
  assert_success
  assert_output 65532
}

@test "each shipped template passes with its required values and with all values, without a warning" {
  local manifest
  for manifest in "$REPOSITORY"/tests/unit/templates/golden/*/{minimal,everything}.yaml; do
    run --separate-stderr kubectl create --dry-run=server --output name --filename "$manifest"
    assert_success
    assert_line job.batch/golden
    assert_equal "$stderr" ''
  done
}

@test "a Job that is not restricted is created with a warning, and an event reports the refused Pods" {
  run create_job careless 'true'
  assert_success
  assert_output --partial 'Warning: would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
  wait_until event careless FailedCreate 'is forbidden: violates PodSecurity "restricted:latest"'
  assert_field careless '{.status.active}{.status.conditions}' ''
}

#!/usr/bin/env bats
# Which machine a Job gets: by name, by size, and after an attempt that had too little memory.

setup_file() {
  load test_helper
  use_generated_namespace
  profiles=$BATS_FILE_TMPDIR/team.yaml
  cat >"$profiles" <<'END'
profiles:
  small: {resources: {limits: {memory: 16Mi}}, next: large}
  large: {resources: {limits: {memory: 64Mi}}}
sizes:
  rows: [{at_most: 5, profile: small}, {profile: large}]
END
  export profiles
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() { delete_namespace; }

submit() { # SHELL-COMMAND OPTION... -> job
  run_script submit-job --template batch-job --values "$(values_file "$1")" --profiles "$profiles" "${@:2}"
  read -r job _ <<<"$output"
}

@test "a Job has the resources of its profile, and says which that is" {
  submit 'true' --profile-for rows=7
  assert_success
  assert_field "$job" '{.metadata.annotations.gke-job/profile}' large
  assert_field "$job" '{.spec.template.spec.containers[0].resources.limits.memory}' 64Mi
}

@test "a running Job of a larger profile is attached to with --escalate" {
  submit 'sleep 60' --profile large
  local first=$output
  AIRFLOW_CTX_TRY_NUMBER=3 submit 'sleep 60' --profile small --escalate
  assert_success
  assert_equal "$output" "$first"
}

# bats test_tags=needs:memory-limits
@test "after an attempt that was OOMKilled the next one has the next larger profile, and stays on the last" {
  local attempt
  for attempt in small large large; do
    submit 'tail /dev/zero' --profile small --escalate
    assert_success
    assert_field "$job" '{.metadata.annotations.gke-job/profile}' "$attempt"
    wait_for_condition Failed "$job"
    AIRFLOW_CTX_TRY_NUMBER=$((AIRFLOW_CTX_TRY_NUMBER + 1))
  done
  assert_regex "$stderr" 'the last attempt ended OOMKilled on profile large, which has no larger one: it stays'
}

# bats test_tags=needs:memory-limits
@test "without --escalate an attempt that was OOMKilled is repeated as it was" {
  submit 'tail /dev/zero' --profile small
  wait_for_condition Failed "$job"
  submit 'tail /dev/zero' --profile small
  assert_success
  assert_field "$job" '{.metadata.annotations.gke-job/profile}' small
}

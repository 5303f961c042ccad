#!/usr/bin/env bats
# podFailurePolicy: some exit codes fail the Job, some failures do not count.

setup_file() {
  load test_helper
  use_generated_namespace
  create_job final 'exit 42' '{"backoffLimit": 6, "podFailurePolicy": {"rules": [
    {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}]}}'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

@test "an exit code with the action FailJob fails the Job at once, whatever its backoffLimit" {
  run_script follow-job --job final
  assert_failure 1
  assert_equal "$(conditions final)" 'FailureTarget=True:PodFailurePolicy Failed=True:PodFailurePolicy'
  assert_field final '{.status.failed}' 1
  assert_regex "${stderr_lines[-1]}" "Job final failed: Container main for pod $NAMESPACE/final-.{5} failed with exit\
 code 42 matching FailJob rule at index 0"
}

@test "a policy with the restartPolicy OnFailure is refused" {
  run create_job refused 'true' '{"template": {"spec": {"restartPolicy": "OnFailure",
    "containers": [{"name": "main", "image": "busybox:1.37"}]}},
    "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]}}'
  assert_failure 1
  assert_output --partial \
    'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified'
}

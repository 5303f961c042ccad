#!/usr/bin/env bats
# The termination message, on which results rest: what the kubelet keeps of it, and what collect-job prints.

setup_file() {
  load test_helper
  use_generated_namespace
  create_job json 'printf "{\n  \"loss\": 0.25\n}\n" >/dev/termination-log'
  create_job text 'printf "gs://bucket/model \"v1\"" >/dev/termination-log'
  create_job nothing 'true'
  create_job long 'printf "begin%4096s" end >/dev/termination-log'
  create_job explained 'echo from the log; exit 1' '{}' '{"terminationMessagePolicy": "FallbackToLogsOnError"}'
  # Fails once: an emptyDir would be new for each Pod, so the ConfigMap of a test says which try it is.
  # shellcheck disable=SC2016 # for the shell of the container
  create_job retried 'printf "\"$TRY\"" >/dev/termination-log; test "$TRY" = second' '{"backoffLimit": 6}' \
    '{"env": [{"name": "TRY", "valueFrom": {"configMapKeyRef": {"name": "try", "key": "try", "optional": true}}}]}'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

message() { # JOB
  kubectl get pods --selector "batch.kubernetes.io/job-name=$1" \
    --output 'jsonpath={.items[0].status.containerStatuses[0].state.terminated.message}'
}

@test "JSON is the result as it is, on one line, and the Job is marked as collected" {
  wait_for_condition Complete json
  run_script collect-job --job json
  assert_success
  assert_output '{"loss":0.25}'
  assert_regex "$(field json '{.metadata.annotations.gke-job/collected}')" '^20[0-9-]+T[0-9:]+Z$'
}

@test "text is a JSON string" {
  wait_for_condition Complete text
  run_script collect-job --job text
  assert_output '"gs://bucket/model \"v1\""'
}

@test "a container that left nothing has no message, and the result is null" {
  wait_for_condition Complete nothing
  assert_equal "$(message nothing)" ''
  run_script collect-job --job nothing
  assert_output 'null'
}

@test "a message is cut to its last 4096 bytes, and collect-job refuses the rest: 65" {
  wait_for_condition Complete long
  run message long
  assert_equal "${#output}" 4096
  assert_regex "$output" 'end$'
  run_script collect-job --job long
  assert_one_error 65 'result cut at 4096 bytes, Pod long-.{5}, write larger results to object storage'
}

@test "FallbackToLogsOnError: the end of the log is the message of a container that failed without one" {
  wait_for_condition Failed explained
  assert_equal "$(message explained)" 'from the log'
}

@test "A#63838: the result is that of the Pod that succeeded, not of the one that failed before it" {
  wait_until sh -c 'kubectl get pods --selector job-name=retried --output jsonpath={.items[*].status.phase} | grep Failed'
  kubectl create --filename - <<'JSON'
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "try"}, "data": {"try": "second"}}
JSON
  wait_for_condition Complete retried
  run_script collect-job --job retried
  assert_success
  assert_output '"second"'
}

@test "a failed Job has no result: 1" {
  wait_for_condition Failed explained
  run_script collect-job --job explained
  assert_one_error 1 'Job explained failed: it has no result'
}

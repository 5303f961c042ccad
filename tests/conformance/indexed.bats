#!/usr/bin/env bats
# Indexed Jobs: the index in the Pod, and the order of logs and results.

setup_file() {
  load test_helper
  use_generated_namespace
  # shellcheck disable=SC2016 # for the shell of the container
  create_job indexed 'echo index $JOB_COMPLETION_INDEX of $(hostname)
    test $JOB_COMPLETION_INDEX = 1 || printf $((JOB_COMPLETION_INDEX * 10)) >/dev/termination-log' \
    '{"completions": 3, "parallelism": 3, "completionMode": "Indexed"}'
  wait_for_condition Complete indexed
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

@test "a Pod of an Indexed Job has its index as label and annotation, in its host name and in its name" {
  run kubectl get pods --selector batch.kubernetes.io/job-completion-index=2 --output jsonpath='{range .items[*]}
{.metadata.name} {.metadata.annotations.batch\.kubernetes\.io/job-completion-index} {.spec.hostname}{end}'
  assert_line --regexp '^indexed-2-.{5} 2 indexed-2$'
}

@test "an Indexed Job counts its Pods and names the completed indexes" {
  assert_field indexed '{.status.succeeded} {.status.completedIndexes}' '3 0-2'
}

@test "follow-job shows the log of every index, with its Pod's name as prefix" {
  run_script follow-job --job indexed
  assert_success
  local index
  for index in 0 1 2; do
    assert_line --regexp "^$index-.{5} \| index $index of indexed-$index\$"
  done
  assert_equal "${#lines[@]}" 3
}

@test "collect-job prints a list in the order of the indexes, null for an index without a result" {
  run_script collect-job --job indexed
  assert_success
  assert_output '[0,null,20]'
}

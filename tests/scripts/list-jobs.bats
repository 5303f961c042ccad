#!/usr/bin/env bats
setup_file() {
  load test_helper
  use_own_namespace
}

setup() { load test_helper; }

submit() { # DAG TASK RUN MAP-INDEX SHELL-COMMAND
  as_task "$1" "$2" "$3" 1 "$4"
  bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$(values_file "$5")" 2>/dev/null
}

@test "shows each Job with its state and the task it runs for, and no Job of others" {
  local complete running
  create_job stranger 'true'
  read -r complete _ < <(submit a-dag train manual__1 -1 'true')
  read -r running _ < <(submit a-dag group.eval manual__1 3 'sleep 60')
  wait_until sh -c "kubectl get job $complete --output jsonpath='{.status.conditions[*].type}' | grep -w Complete"
  wait_until sh -c "kubectl get job $running --output jsonpath='{.status.ready}' | grep 1"
  run_script list-jobs
  assert_success
  assert_equal "${#lines[@]}" 3
  assert_regex "${lines[0]}" '^JOB +STATE +AGE +PROFILE +TASK$'
  assert_regex "$output" "$complete +Complete +[0-9]+ s .*test: a-dag train manual__1"
  assert_regex "$output" "$running +Running +[0-9]+ s .*test: a-dag group.eval\\[3\\] manual__1"
  assert_equal "$stderr" ''
}

@test "--json is one line with a list of objects" {
  run_script list-jobs --json
  assert_success
  assert_equal "${#lines[@]}" 1
  run "$GKE_JOB_PYTHON" -c 'import json, sys
for job in json.loads(sys.argv[1]): print(job["environment"], job["dag_id"], job["task_id"], job["run_id"], job["map_index"])' "$output"
  assert_line 'test a-dag group.eval manual__1 3'
}

@test "no Jobs: the heading alone" {
  run_script list-jobs --namespace kube-system
  assert_success
  assert_equal "${#lines[@]}" 1
}

@test "--dry-run shows the command" {
  run_script list-jobs --dry-run
  assert_success
  assert_regex "$stderr" 'would run: kubectl .*get jobs --selector'
}

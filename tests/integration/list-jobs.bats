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

@test "shows each Job with its state and its task, and no foreign Job" {
  local complete running
  create_job stranger 'true'
  read -r complete _ < <(submit a-dag train manual__1 -1 'true')
  read -r running _ < <(submit a-dag group.eval manual__1 3 'trap exit TERM; sleep 600 & wait')
  wait_until sh -c "kubectl get job $complete --output jsonpath='{.status.conditions[*].type}' | grep -w Complete"
  wait_until sh -c "kubectl get job $running --output jsonpath='{.status.ready}' | grep 1"
  run_script list-jobs
  assert_success
  assert_equal "${#lines[@]}" 3
  assert_regex "${lines[0]}" '^JOB +STATE +AGE +DURATION +PHASE +POOL +GPU +PROFILE +TASK$'
  assert_regex "$output" "$complete +Complete +[0-9]+ s +[0-9]+ s +succeeded .*test: a-dag train manual__1"
  assert_regex "$output" "$running +Running +[0-9]+ s +[0-9]+ s +running .*test: a-dag group.eval\\[3\\] manual__1"
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

@test "filters by DAG, state and age" {
  submit '需要予測' '学習' manual__1 -1 'true' >/dev/null
  run_script list-jobs --dag-id '需要予測'
  assert_success
  assert_equal "${#lines[@]}" 2
  assert_regex "${lines[1]}" '^batch-job-[0-9a-f]{8} .* test: 需要予測 学習 manual__1$'
  run_script list-jobs --state rUNNING
  assert_equal "${#lines[@]}" 2
  assert_regex "${lines[1]}" 'group.eval\[3\]'
  run_script list-jobs --older-than 3600
  assert_equal "${#lines[@]}" 1
  assert_regex "$stderr" 'has no Jobs of the toolkit that match$'
  run_script list-jobs --newer-than 3600 --dag-id a-dag
  assert_equal "${#lines[@]}" 3
}

@test "--all-namespaces shows the namespace of each; an account without the permission is denied: 77" {
  run_script list-jobs --all-namespaces --dag-id a-dag
  assert_success
  assert_regex "${lines[0]}" '^NAMESPACE +JOB '
  assert_regex "${lines[1]}" "^$NAMESPACE +"
  kubectl config set-credentials outsider --token outsider-token >/dev/null
  kubectl config set-context outsider --cluster localgke --user outsider >/dev/null
  run_script list-jobs --all-namespaces --context outsider
  assert_one_error 77 'ask for a ClusterRole with the verb list on jobs'
}

@test "--watch prints the list at each change, without escapes to a file, until a signal" {
  local watcher watched
  bash "$REPOSITORY/scripts/list-jobs" --watch --dag-id watched >"$BATS_TEST_TMPDIR/lists" 3>&- &
  watcher=$!
  wait_until grep --quiet '^JOB ' "$BATS_TEST_TMPDIR/lists"
  read -r watched _ < <(submit watched train manual__1 -1 'exit 3')
  wait_until grep --quiet "^$watched *Failed .* failed " "$BATS_TEST_TMPDIR/lists"
  kill "$watcher"
  wait_for "$watcher"
  assert_equal "$status" 143
  refute grep --quiet $'\e' "$BATS_TEST_TMPDIR/lists"
  assert_equal "$(grep --count "^JOB " "$BATS_TEST_TMPDIR/lists")" "$(($(grep --count '^$' "$BATS_TEST_TMPDIR/lists") + 1))"
}

@test "--watch on a terminal replaces the last list, and no line is wider than the terminal" {
  local watcher
  TERM=xterm COLUMNS=60 LINES=20 "$GKE_JOB_PYTHON" -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))' \
    bash "$REPOSITORY/scripts/list-jobs" --watch >"$BATS_TEST_TMPDIR/screen" </dev/null 3>&- &
  watcher=$!
  wait_until grep --quiet 'Complete' "$BATS_TEST_TMPDIR/screen"
  kill "$watcher"
  wait_for "$watcher"
  assert_regex "$(head --lines 1 "$BATS_TEST_TMPDIR/screen")" $'^\e\[H\e\[2JJOB '
  run awk '{ sub(/^\x1b\[H\x1b\[2J/, ""); sub(/\r$/, ""); if (length($0) > 60) print }' "$BATS_TEST_TMPDIR/screen"
  assert_output ''
}

@test "--watch: a Job appears and disappears by its age; a change that no row shows prints nothing" {
  local watcher job lists=$BATS_TEST_TMPDIR/lists
  bash "$REPOSITORY/scripts/list-jobs" --watch --dag-id aged --older-than 6 --newer-than 16 --state running >"$lists" 3>&- &
  watcher=$!
  wait_until grep --quiet '^JOB ' "$lists"
  read -r job _ < <(submit aged train manual__1 -1 'sleep 600')
  wait_until sh -c "kubectl get job $job --output jsonpath='{.status.ready}' | grep 1"
  wait_until grep --quiet "^$job *Running " "$lists"
  kubectl label pods --selector "job-name=$job" changed=yes
  wait_until sh -c "tail -n 1 '$lists' | grep --quiet '^JOB '"
  kill "$watcher"
  wait_for "$watcher"
  run grep --count '^JOB ' "$lists"
  assert_output 3
  kubectl delete job "$job" --wait=false
}

@test "--watch ends with 129 when its output is closed" {
  bash "$REPOSITORY/scripts/list-jobs" --watch 3>&- | head --lines 1 >/dev/null
  assert_equal "${PIPESTATUS[0]}" 129
}

@test "options are checked: 64" {
  run_script list-jobs --state Running,Failed
  assert_one_error 64 'option --state is .Running,Failed.: it must be one of Pending, Running'
  run_script list-jobs --older-than 2h
  assert_one_error 64 'option --older-than is .2h.: it must be a whole number of seconds'
  run_script list-jobs --all-namespaces --namespace ml
  assert_one_error 64 '--namespace and --all-namespaces are mutually exclusive'
}

@test "no Jobs: only the heading" {
  run_script list-jobs --namespace kube-system
  assert_success
  assert_equal "${#lines[@]}" 1
}

@test "--dry-run shows the command" {
  run_script list-jobs --dry-run
  assert_success
  assert_regex "$stderr" 'would run: kubectl .*get jobs --selector'
  assert_regex "$stderr" 'would run: kubectl .*get pods --selector gke-job/identity'
  run_script list-jobs --dry-run --all-namespaces
  assert_regex "$stderr" 'would run: kubectl .*get jobs --all-namespaces'
}

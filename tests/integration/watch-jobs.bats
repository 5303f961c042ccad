#!/usr/bin/env bats
setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown() {
  kubectl delete jobs --all --wait=false >/dev/null
}

# Starts watch-jobs; its lines go to $BATS_TEST_TMPDIR/lines.
start_watching() { # -> watcher
  bash "$REPOSITORY/scripts/watch-jobs" >"$BATS_TEST_TMPDIR/lines" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  watcher=$!
  wait_until grep --quiet '"event":"synced"' "$BATS_TEST_TMPDIR/lines"
}

stop_watching() {
  kill "$watcher"
  wait_for "$watcher"
  assert_equal "$status" 143
}

submit() { # NAME SHELL-COMMAND
  bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$(values_file "$2")" --name "$1" 2>/dev/null
}

# Succeeds if a line has all these fields and values: FIELD=JSON ...
reported() { # FIELD=JSON...
  "$GKE_JOB_PYTHON" -c 'import json, sys
wanted = {name: json.loads(value) for name, value in (pair.split("=", 1) for pair in sys.argv[2:])}
lines = [json.loads(line) for line in open(sys.argv[1]) if line.endswith("\n")]
sys.exit(not any(wanted.items() <= line.items() for line in lines))' "$BATS_TEST_TMPDIR/lines" "$@"
}

@test "reports each Job from its creation to its end, and existing Jobs" {
  submit before 'sleep 60' >/dev/null
  start_watching
  submit later 'exit 3' >/dev/null
  wait_until reported 'job="before"' 'event="job"' 'pods={"running": 1}'
  wait_until reported 'job="later"' 'state="Failed"' 'finished=true' 'failed=1'
  stop_watching
}

@test "reports a Job that is deleted" {
  submit deleted 'sleep 60' >/dev/null
  start_watching
  kubectl delete job deleted --wait=false
  wait_until reported 'job="deleted"' 'event="gone"'
  stop_watching
}

@test "reports why a Pod waits" {
  printf '{"image": "busybox:1.37", "resources": {"requests": {"memory": "9Ti"}}}' >"$BATS_TEST_TMPDIR/big.json"
  start_watching
  bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$BATS_TEST_TMPDIR/big.json" --name big
  wait_until reported 'job="big"' 'pods={"waiting": 1}'
  wait_until grep --quiet --extended-regexp '"why":"Pod big-[^"]* is waiting for a node: .*Insufficient memory' "$BATS_TEST_TMPDIR/lines"
  stop_watching
}

@test "omits Jobs that are not of the toolkit" {
  create_job stranger 'true'
  start_watching
  submit ours 'true' >/dev/null
  wait_until reported 'job="ours"' 'state="Complete"'
  refute grep --quiet stranger "$BATS_TEST_TMPDIR/lines"
  stop_watching
}

@test "runs one bash, one Python and one kubectl for any number of Jobs, and leaves none when killed" {
  export GKE_JOB_TEST_MARK=$BATS_SUITE_TEST_NUMBER.$RANDOM
  start_watching
  local mark=$GKE_JOB_TEST_MARK
  unset GKE_JOB_TEST_MARK
  for number in 1 2 3; do submit "many-$number" 'sleep 60' >/dev/null; done
  wait_until reported 'job="many-3"' 'pods={"running": 1}'
  assert_equal "$(marked "$mark" | wc -l)" 3
  kill -KILL "$watcher"
  wait_until none_marked "$mark"
}

@test "ends with 129 when its output is closed, even without a change" {
  start_watching_into_pipe() {
    bash "$REPOSITORY/scripts/watch-jobs" 3>&- | head --lines 1
    status=${PIPESTATUS[0]}
  }
  start_watching_into_pipe
  assert_equal "$status" 129
}

@test "--dry-run shows the commands" {
  run_script watch-jobs --dry-run
  assert_success
  assert_regex "$stderr" 'would run: kubectl .*get jobs --selector app.kubernetes.io/managed-by=gke-job --watch'
}

@test "a caller whose token is not valid is not logged in: 77" {
  kubectl config set-credentials nobody --token worthless >/dev/null
  kubectl config set-context nobody --cluster localgke --user nobody >/dev/null
  run_script watch-jobs --context nobody
  assert_one_error 77 'not logged in'
}

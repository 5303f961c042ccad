#!/usr/bin/env bats
# bats file_tags=needs:control
# A component of the cluster is killed while run-job follows a Job: the exit code and the result are not affected.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown() { end_children; }

teardown_file() { delete_namespace; }

# Starts run-job with a Job that prints LINES lines, two per second, and waits until the third line is read.
start_counting() { # [EXIT-CODE] -> runner
  local work="for n in \$(seq $LINES); do echo line \$n; sleep 0.5; done; echo $LINES >/dev/termination-log; exit ${1:-0}"
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file "$work")" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep -q '| line 3$' "$BATS_TEST_TMPDIR/err"
}

restart() { # COMPONENT
  "$GKE_JOB_PYTHON" -m k8s restart "$1" --state "$CLUSTER_STATE"
}

# Asserts that the result is correct, and that every line of the log was read once.
assert_whole() {
  wait_for "$runner"
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" "$LINES"
  assert_equal "$(sed --quiet 's/^.* | line //p' "$BATS_TEST_TMPDIR/err")" "$(seq $LINES)"
}

LINES=16

@test "etcd is killed: the result is correct, and every line of the log is read once" {
  start_counting
  restart etcd
  assert_whole
}

@test "A#12136: the API server is killed: the result is correct, and every line of the log is read once" {
  start_counting
  restart kube-apiserver
  assert_whole
}

@test "the kubelet is killed: the container continues, the result and the log are complete" {
  start_counting
  restart kubelet
  assert_whole
}

@test "containerd is killed: the container continues, the result and the log are complete" {
  start_counting
  restart containerd
  assert_whole
}

@test "the controllers are killed: the Job ends after their restart" {
  start_counting 3
  restart kube-controller-manager
  wait_for "$runner"
  assert_equal "$status" 1
  assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/err" | grep -c 'failed: Job has reached the specified backoff limit')" 1
}

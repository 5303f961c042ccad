# shellcheck shell=bash
# Setup and teardown of a file whose cases use the proxy. Source it at the top of the file.

setup_file() {
  load test_helper
  source "$REPOSITORY/tests/dev/faults/faults.bash"
  start_proxy
  use_generated_namespace
}

setup() {
  load test_helper
  source "$REPOSITORY/tests/dev/faults/faults.bash"
  as_task dag "$BATS_TEST_NAME" run
}

teardown() {
  [[ $BATS_TEST_COMPLETED ]] || cat "$BATS_TEST_TMPDIR/err"
  clear_faults
  end_children
}

teardown_file() {
  delete_namespace
  stop_proxy
}

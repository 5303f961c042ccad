# shellcheck shell=bash
# Runs of run-job with a shell command: `load job_helper` after test_helper.

run_job() { # SHELL-COMMAND [OPTION...]
  run_script run-job --template batch-job --values "$(values_file "$1")" "${@:2}"
}

# Starts run-job in its own process group, as Airflow does; its output goes to $BATS_TEST_TMPDIR/{out,err}.
# A shell starts background processes with INT ignored, but a terminal does not.
start_job() { # SHELL-COMMAND [OPTION...] -> runner, job, mark
  local values
  values=$(values_file "$1")
  mark=$BATS_SUITE_TEST_NUMBER.$RANDOM
  rm -f -- "$BATS_TEST_TMPDIR/err" # of the previous run
  setsid env --default-signal=HUP,INT,TERM GKE_JOB_TEST_MARK="$mark" \
    bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" "${@:2}" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep -q 'is running on' "$BATS_TEST_TMPDIR/err"
  job=$(sed -n 's/.*created Job \([^ ]*\).*/\1/p' "$BATS_TEST_TMPDIR/err")
}

#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031 # the shell of run_redirected expands; each test is a subshell
# Output that cannot be written because its reader has closed it or the disk is full. Like other interruptions: 129.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
  work='trap exit TERM; echo training; while :; do printf "%4000s\n" tick; sleep 0.03; done'
}

teardown() { end_children; }

teardown_file() { delete_namespace; }

# Runs a shell command that gets the command of run-job as its arguments and redirects the output.
run_redirected() { # SHELL-COMMAND [OPTION...]
  run timeout 60 bash -c "$1" shell bash "$REPOSITORY/scripts/run-job" --template batch-job \
    --values "$(values_file "$work")" --name "$name" "${@:2}"
}

@test "V10: the output is piped to head -1: the Job is deleted, 129" {
  name='into-head'
  run_redirected 'set -o pipefail; "$@" 2>&1 | head -1; exit ${PIPESTATUS[0]}'
  assert_failure 129
  wait_until no_job "$name"
}

@test "V10: the reader closes only stderr: the Job is deleted, 129" {
  name='stderr-into-head'
  run_redirected '{ "$@" 2>&3 | cat; exit ${PIPESTATUS[0]}; } 3> >(head -2 >/dev/null)'
  assert_failure 129
  wait_until no_job "$name"
}

@test "V10: with --on-kill keep the Job continues when the output is closed" {
  name='kept-after-head'
  run_redirected '"$@" 2>&1 | head -1; exit ${PIPESTATUS[0]}' --on-kill keep
  assert_failure 129
  kubectl get job "$name"
  assert_field "$name" '{.metadata.deletionTimestamp}' ''
  kubectl delete job "$name" --wait=false
}

@test "V10: with stderr closed from the beginning the run does not hang, and leaves no Job" {
  name=no-stderr work='echo training; echo 7 >/dev/termination-log'
  run_redirected '"$@" 2>&-'
  if ((status == 0)); then
    assert_output 7
  else
    assert_failure 129
    wait_until no_job "$name"
  fi
}

@test "V10: with stdout closed or full the run ends with 129, and the next run returns the result" {
  local redirection
  work='echo training; echo 7 >/dev/termination-log'
  for redirection in '>&-' '>/dev/full'; do
    name=no-stdout-${#redirection}
    run_redirected "\"\$@\" $redirection"
    assert_failure 129
    run_redirected '"$@" 2>/dev/null'
    assert_success
    assert_output 7
  done
}

@test "V10: the reader closes the pipe before the result: 129, and the next run returns the result" {
  work='sleep 2; echo 7 >/dev/termination-log'
  name='reader-gone'
  run_redirected '{ "$@" 2>/dev/null; echo $? >&3; } 3>&1 4> >(sleep 0.1) >&4'
  assert_output 129
  run_redirected '"$@" 2>/dev/null'
  assert_output 7
}

@test "V10: stdout and stderr are on a full disk: 129, the Job is deleted" {
  name='full-output'
  run_redirected '"$@" >/dev/full 2>&1'
  assert_failure 129
  wait_until no_job "$name"
}

# Fills a file system when the Job full-later runs.
fill_later() { # FILE
  wait_until has_job full-later
  cat /dev/zero >"$1" 2>/dev/null || true
}

has_job() { # JOB
  kubectl get job "$1" >/dev/null 2>&1
}

@test "V10: TMPDIR is full from the beginning, or fills up while the Job runs: no result is lost" {
  local disk=$BATS_TEST_TMPDIR/disk
  mkdir "$disk"
  mount -t tmpfs -o size=400k tmpfs "$disk" || skip 'no file system can be mounted here'
  name='full-at-once'
  head -c 400k /dev/zero >"$disk/fill" || true
  TMPDIR=$disk run_redirected '"$@" 2>&1'
  local at_once=$status
  rm "$disk/fill"
  name=full-later work='sleep 8; echo 7 >/dev/termination-log'
  fill_later "$disk/fill" 3>&- &
  TMPDIR=$disk run_redirected '"$@" 2>&1'
  wait $!                   # before the file system is unmounted
  wait_until umount "$disk" # processes that the run has killed may still be ending
  assert_equal "$at_once" 78
  assert no_job full-at-once
  if ((status == 0)); then
    assert_equal "${lines[-1]}" 7
  else
    assert_equal "$status" 129
    run_redirected '"$@" 2>/dev/null'
    assert_success
    assert_output 7
  fi
}

@test "V10: TMPDIR has little free space: 78 before the Job is created" {
  local disk=$BATS_TEST_TMPDIR/small size
  mkdir "$disk"
  for size in 20k 32k; do
    mount -t tmpfs -o "size=$size" tmpfs "$disk" || skip 'no file system can be mounted here'
    name=little-room-$size
    run_redirected "TMPDIR=$disk \"\$@\""
    wait_until umount "$disk"
    assert_failure 78
    assert_output --partial "cannot write to $disk/"
    assert no_job "$name"
  done
}

# Starts run-job with a stderr pipe that is not read, and waits until the pipe is full. Sets runner.
start_unread() { # [OPTION...]
  mkfifo "$BATS_TEST_TMPDIR/unread"
  exec {unread}<>"$BATS_TEST_TMPDIR/unread"
  setsid env --default-signal=HUP,INT,TERM bash "$REPOSITORY/scripts/run-job" --template batch-job \
    --values "$(values_file "$work")" --name "$name" "$@" >/dev/null 2>"$BATS_TEST_TMPDIR/unread" 3>&- {unread}>&- &
  runner=$!
  wait_until kubectl get job "$name" 2>/dev/null
  wait_until is_full "$BATS_TEST_TMPDIR/unread"
}

is_full() { # PIPE
  [[ $(printf x | LC_ALL=C dd of="$1" oflag=nonblock status=none 2>&1) == *'Resource temporarily unavailable' ]]
}

@test "V10: a run whose stderr is not read is terminated: the Job is deleted, 143" {
  name='unread-terminated'
  start_unread
  kill -TERM -- "-$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  wait_until no_job "$name"
}

@test "V10: a run whose stderr is not read reaches --timeout: the Job is deleted" {
  name='unread-timeout'
  start_unread --timeout 30 # it counts from before the submission
  wait_until no_job "$name"
  exec {unread}<&-
  wait_for "$runner"
}

@test "V10: the log file reaches the file size limit: 129, the Job is deleted" {
  name='size-limit'
  run_redirected "ulimit -f 512; trap '' XFSZ; \"\$@\" >'$BATS_TEST_TMPDIR/log' 2>&1"
  assert_failure 129
  wait_until no_job "$name"
}

@test "V10: the file size limit kills with SIGXFSZ: 129, the Job is deleted" {
  name='size-signal'
  run_redirected "ulimit -f 512; \"\$@\" >'$BATS_TEST_TMPDIR/log' 2>&1"
  assert_failure 129
  wait_until no_job "$name"
}

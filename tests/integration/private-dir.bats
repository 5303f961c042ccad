#!/usr/bin/env bats
# The private directory of a run: which directories of killed runs are removed, and which never are.
setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  mkdir "$TMPDIR"
}

any_script() {
  run_script poll-job --job any
  assert_failure 78
}

@test "the next run removes the private directory of a killed run" {
  mkdir -p "$TMPDIR/gke-job.killed01/gke-job.its-part"
  touch "$TMPDIR/gke-job.killed01/made-by-gke-job"
  any_script
  assert_equal "$(ls "$TMPDIR")" ''
}

@test "the next run also removes the directory of a run that was killed just after its start" {
  local dead
  bash -c : &
  dead=$!
  wait "$dead"
  mkdir "$TMPDIR/gke-job.$dead-1" "$TMPDIR/gke-job.$dead-a_3k" "$TMPDIR/gke-job.$$-1" # the operator uses the second name
  any_script
  assert_equal "$(ls "$TMPDIR")" "gke-job.$$-1"
}

@test "the directory of a run that has ended, but is a zombie, is removed" {
  local parent process
  "$GKE_JOB_PYTHON" -c 'import subprocess, time; child = subprocess.Popen("true"); print(child.pid, flush=True); time.sleep(600)' \
    >"$BATS_TEST_TMPDIR/pid" 3>&- &
  parent=$!
  wait_until test -s "$BATS_TEST_TMPDIR/pid"
  read -r process <"$BATS_TEST_TMPDIR/pid"
  wait_until grep --quiet '^State:.*zombie' "/proc/$process/status"
  mkdir "$TMPDIR/gke-job.$process-1"
  any_script
  kill "$parent"
  assert_equal "$(ls "$TMPDIR")" ''
}

@test "the directory of a live run, or of a child that has outlived it, is kept" {
  mkdir "$TMPDIR/gke-job.living01"
  touch "$TMPDIR/gke-job.living01/made-by-gke-job"
  exec {lock}<"$TMPDIR/gke-job.living01"
  flock -n "$lock"
  any_script
  assert_equal "$(ls "$TMPDIR")" 'gke-job.living01'
  exec {lock}<&-
  any_script
  assert_equal "$(ls "$TMPDIR")" ''
}

@test "the directory of a live run is kept by a run that has too few file descriptors to read its state" {
  local limit
  mkdir "$TMPDIR/gke-job.$$-1"
  for limit in {6..12}; do
    run bash -c 'ulimit -n "$1" && exec bash "$2/scripts/run-job" --template batch-job' shell "$limit" "$REPOSITORY"
    assert_failure 78
    assert [ -d "$TMPDIR/gke-job.$$-1" ]
  done
}

@test "no program is started for the directory of a live run" {
  mkdir "$TMPDIR/gke-job.$$-1" "$BATS_TEST_TMPDIR/bin"
  touch "$TMPDIR/gke-job.$$-1/made-by-gke-job"
  printf '#!/bin/sh\necho "$*" >>%s\nexec %s "$@"\n' "$BATS_TEST_TMPDIR/locks" "$(type -P flock)" >"$BATS_TEST_TMPDIR/bin/flock"
  chmod +x "$BATS_TEST_TMPDIR/bin/flock"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH any_script
  run ! grep --fixed-strings "gke-job.$$-1" "$BATS_TEST_TMPDIR/locks"
  assert_equal "$(ls "$TMPDIR")" "gke-job.$$-1"
}

@test "S9: a directory that is not a private directory of this user is kept" {
  mkdir "$TMPDIR/gke-job-values" "$TMPDIR/gke-credentials.mine0001" "$TMPDIR/gke-job.archives"
  touch "$TMPDIR/gke-job.file0001"
  ln -s "$BATS_FILE_TMPDIR" "$TMPDIR/gke-job.link0001"
  if ((EUID == 0)); then
    mkdir "$TMPDIR/gke-job.another1"
    chown nobody "$TMPDIR/gke-job.another1"
  fi
  local before
  before=$(ls "$TMPDIR")
  any_script
  assert_equal "$(ls "$TMPDIR")" "$before"
}

@test "concurrent runs do not remove each other's directory" {
  local number runners=()
  for number in {1..8}; do
    bash "$REPOSITORY/scripts/poll-job" --job any 2>"$BATS_TEST_TMPDIR/err.$number" 3>&- &
    runners+=($!)
  done
  for number in "${runners[@]}"; do
    wait_for "$number"
    assert_equal "$status" 78
  done
  assert_equal "$(cat "$BATS_TEST_TMPDIR"/err.* | sort --unique)" \
    "poll-job: jobs.batch \"any\" not found in namespace $NAMESPACE; see: kubectl get jobs --all-namespaces"
  assert_equal "$(ls "$TMPDIR")" ''
}

@test "a TMPDIR in which no directory can be created is missing configuration: 78" {
  TMPDIR=$BATS_TEST_TMPDIR/nowhere run_script poll-job --job any
  assert_failure 78
  assert_regex "$stderr" "cannot create a private directory in $BATS_TEST_TMPDIR/nowhere"
}

@test "S9: directories with a similar name are kept" {
  local before
  mkdir -p "$TMPDIR/gke-job.archives/keep" "$TMPDIR/gke-job.12345678" "$TMPDIR/gke-job.Abcdefgh"
  mkdir "$TMPDIR/gke-job.Abcdefgh/made-by-gke-job" # a mark must be a file
  ln -s nowhere "$TMPDIR/gke-job.12345678/made-by-gke-job"
  before=$(find "$TMPDIR" | sort)
  any_script
  assert_equal "$(find "$TMPDIR" | sort)" "$before"
}

@test "a directory that cannot be removed does not keep a script from its end" {
  # Nobody can remove a directory of /proc.
  # shellcheck disable=SC2016 # for that shell
  run timeout --kill-after 1 120 bash -c 'source "$1/common.bash" && source "$1/processes.bash" &&
    processes::remove_directory "/proc/$$/fdinfo" && echo ended' shell "$REPOSITORY/scripts/lib/bash"
  assert_success
  assert_output ended
}

@test "a TMPDIR in which no name can be removed ends the script, too" {
  local place
  printf -v place '/%0300d' 0 # rm fails, as in a directory of another user
  TMPDIR=$place run --separate-stderr timeout --kill-after 1 120 bash "$REPOSITORY/scripts/check-setup" --namespace ml-jobs
  assert_equal "$status" 78
  assert_regex "$stderr" '^check-setup: cannot create a private directory in /0+: set TMPDIR to another directory$'
}

#!/usr/bin/env bats
# shellcheck disable=SC2153 # NAMESPACE is set by test_helper
# Invalid names: in options, and in annotations that others have written on a Job.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() { delete_namespace; }

# Asserts that each of these options is refused with each of these values, in both notations, before any request. The
# arguments are other options of the script.
assert_no_names() { # SCRIPT "OPTION..." [ARGUMENT...]
  local name value
  for name in $2; do
    for value in --raw=/x --verbosity=debug -x -; do
      run_script "$1" "${@:3}" "--$name=$value"
      [[ $status == 64 && $stderr == *--$name* ]] || fail "$1 --$name=$value: $status $stderr"
    done
    run_script "$1" "${@:3}" "--$name" --raw=/x
    [[ $status == 64 ]] || fail "$1 --$name --raw=/x: $status $stderr"
  done
}

CLUSTER='context namespace project location cluster'

@test "S10: a name that begins with a dash is refused by the scripts for one Job: 64" {
  local script
  for script in follow-job poll-job collect-job delete-job explain-job; do
    assert_no_names "$script" "job"
    assert_no_names "$script" "uid context namespace" --job any
    assert_no_names "$script" "project" --job any --location l --cluster c
    assert_no_names "$script" "location" --job any --project p --cluster c
    assert_no_names "$script" "cluster" --job any --project p --location l
  done
}

@test "S10: a name that begins with a dash is refused by the scripts that submit: 64" {
  local script
  for script in submit-job run-job; do
    assert_no_names "$script" "name $CLUSTER" --template batch-job --values "$(values_file true)"
    assert_no_names "$script" "template"
  done
}

@test "S10: a name that begins with a dash is refused by the scripts for many Jobs or none: 64" {
  assert_no_names list-jobs "$CLUSTER"
  assert_no_names watch-jobs "$CLUSTER"
  assert_no_names get-credentials "project location cluster"
  assert_no_names deploy-dags "bucket"
  echo '[]' >"$BATS_TEST_TMPDIR/jobs"
  assert_no_names reap-jobs "$CLUSTER" --jobs "$BATS_TEST_TMPDIR/jobs" --airflow-environment test
}

@test "S10: a path, a line break or an empty text as the name of a Job is refused: 64" {
  local name
  for name in ../x a/b 'a b' $'a\nb' 'a?b' 'a%2e' A "$(printf 'a%.0s' {1..254})"; do
    run_script poll-job --job "$name"
    [[ $status == 64 ]] || fail "$name: $status $stderr"
    run_script poll-job --job any --namespace "$name"
    [[ $status == 64 ]] || fail "$name: $status $stderr"
  done
  run_script poll-job --job ''
  assert_failure 64
}

# Submits a Job for a task; prints its name.
submit() { # TASK
  as_task "$BATS_TEST_NAME" "$1" run
  bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$(values_file 'trap exit TERM; sleep 60 & wait')" 2>/dev/null |
    cut --delimiter=' ' --fields=1
}

@test "S6: a Job with invalid annotations does not prevent that others are listed and deleted" {
  local odd other list=$BATS_TEST_TMPDIR/list
  odd=$(submit odd)
  other=$(submit other)
  kubectl annotate job "$odd" --overwrite gke-job/map-index=zero gke-job/dag-id=$'::endgroup::\n\033[2J' gke-job/run-id=
  run_script list-jobs
  assert_success
  assert_output --partial "$other"
  refute_output --regexp $'\033'
  refute_output --partial '::endgroup::'
  bash "$REPOSITORY/scripts/list-jobs" --json >"$list"
  assert_equal "$(wc --lines <"$list")" 1
  run_script reap-jobs --jobs "$list" --airflow-environment test --dry-run
  assert_success
  assert_line "$other"
  # And entries that Kubernetes would never return.
  "$GKE_JOB_PYTHON" -c 'import json, sys
jobs = json.load(open(sys.argv[1]))
print(json.dumps([{**jobs[0], "job": "--all"}, {**jobs[0], "namespace": 7}, "text", None, *jobs]))' "$list" >"$list.odd"
  run_script reap-jobs --jobs "$list.odd" --airflow-environment test --dry-run
  assert_success
  assert_line "$other"
  assert_regex "$stderr" 'skipping an entry'
}

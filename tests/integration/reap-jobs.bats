#!/usr/bin/env bats
setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  list=$BATS_TEST_TMPDIR/list.json
}

# The list of the next test has the Jobs of the whole namespace.
teardown() {
  kubectl delete jobs --all
}

# Submits a Job for a task of this test in the environment `test`; prints its name.
submit() { # TASK SHELL-COMMAND
  as_task "$BATS_TEST_NAME" "$1" run
  bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$(values_file "$2")" 2>/dev/null | cut --delimiter=' ' --fields=1
}

list_all() {
  bash "$REPOSITORY/scripts/list-jobs" --json >"$list"
}

reap() { # OPTION...
  run_script reap-jobs --jobs "$list" --airflow-environment test "$@"
}

exists() { # JOB
  [[ $(kubectl get job "$1" --ignore-not-found) ]]
}

uid_of() { # JOB
  kubectl get job "$1" --output jsonpath='{.metadata.uid}'
}

is_deleted() { # JOB
  [[ ! $(kubectl get job "$1" --ignore-not-found --output jsonpath='{.metadata.name}={.metadata.deletionTimestamp}') == *= ]]
}

@test "deletes the unfinished Jobs of the list, and only of its environment" {
  local running finished foreign unlisted
  running=$(submit running 'trap exit TERM; sleep 600 & wait')
  finished=$(submit finished 'true')
  foreign=$(submit foreign 'trap exit TERM; sleep 600 & wait')
  kubectl annotate job "$foreign" --overwrite gke-job/airflow-environment=other >/dev/null
  wait_until sh -c "kubectl get job $finished --output jsonpath='{.status.conditions[*].type}' | grep -w Complete"
  list_all
  unlisted=$(submit unlisted 'trap exit TERM; sleep 600 & wait')

  reap --dry-run
  assert_success
  assert_output "$running"
  assert_regex "$stderr" "would delete Job $running in namespace $NAMESPACE"
  exists "$running"

  reap
  assert_success
  assert_output "$running"
  assert_regex "$stderr" "skipping Job $finished: it is finished"
  assert_regex "$stderr" "skipping Job $foreign: it belongs to the Airflow environment 'other', not test"
  run ! exists "$running"
  exists "$finished"
  exists "$foreign"
  exists "$unlisted"
}

@test "a new Job with the same name, and a Job without the toolkit's label, are not deleted" {
  local again unlabelled
  again=$(submit again 'trap exit TERM; sleep 600 & wait')
  unlabelled=$(submit unlabelled 'trap exit TERM; sleep 600 & wait')
  list_all
  bash "$REPOSITORY/scripts/delete-job" --job "$again"
  submit again 'trap exit TERM; sleep 601 & wait'
  kubectl label job "$unlabelled" app.kubernetes.io/managed-by- >/dev/null
  reap
  assert_success
  assert_output ''
  assert_regex "$stderr" "skipping Job $again: it is already deleted"
  assert_regex "$stderr" "skipping Job $unlabelled: it was not created by this toolkit"
  exists "$again"
  exists "$unlabelled"
}

@test "an invalid list: 65" {
  echo 'no list' >"$list"
  reap
  assert_one_error 65 'is not a list of Jobs'
}

@test "without the environment's name nothing can be deleted: 64" {
  run_script reap-jobs --jobs "$list"
  assert_one_error 64 'option --airflow-environment is missing'
}

@test "S6: an invalid Job in the list is reported and skipped" {
  local running
  running=$(submit odd 'trap exit TERM; sleep 600 & wait')
  list_all
  "$GKE_JOB_PYTHON" - "$list" "$running" <<'END'
import json, sys
jobs = [job for job in json.load(open(sys.argv[1])) if job["job"] == sys.argv[2]]
json.dump([{"job": "--raw=/x", "namespace": "a", "uid": "u"}, 7, *jobs], open(sys.argv[1], "w"))
END
  reap
  assert_success
  assert_output "$running"
  assert_regex "$stderr" "skipping an entry without the name, namespace and uid of a Job: '--raw=/x'"
}

@test "a Job with a finalizer does not prevent the deletion of the next one" {
  local held next
  held=$(submit a-held 'trap exit TERM; sleep 600 & wait')
  next=$(submit b-next 'trap exit TERM; sleep 600 & wait')
  kubectl patch job "$held" --type merge --patch '{"metadata": {"finalizers": ["test/held"]}}' >/dev/null
  "$GKE_JOB_PYTHON" -c 'import json, sys
print(json.dumps([{"job": name, "namespace": sys.argv[1], "uid": uid} for name, uid in zip(sys.argv[2::2], sys.argv[3::2])]))' \
    "$NAMESPACE" "$held" "$(uid_of "$held")" "$next" "$(uid_of "$next")" >"$list"
  bash "$REPOSITORY/scripts/reap-jobs" --jobs "$list" --airflow-environment test >/dev/null 2>&1 3>&- &
  wait_until is_deleted "$next"
  exists "$held"
  kubectl patch job "$held" --type merge --patch '{"metadata": {"finalizers": null}}' >/dev/null
  wait_for $!
  assert_equal "$status" 0
}

#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153 # each test is a subshell; NAMESPACE is set by test_helper
# Other users in the namespace: nothing that they write is used as a command, a record or a result.

setup_file() {
  load test_helper
  use_generated_namespace
  owner=$(kubectl create --output 'jsonpath={.metadata.uid}' --filename - \
    <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}}')
  export owner
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
  MARK=$BATS_TEST_TMPDIR/executed
  # Text that a shell, an arithmetic expression or a parser of records could interpret.
  HOSTILE="0|n|Running
job|MODIFIED|u|Active|x[\$(touch $MARK)]|0|2||x
::endgroup::
run-job: Job is complete"
}

teardown() { end_children; }

teardown_file() { delete_namespace; }

# Creates a Pod, or a Job with a manual selector, that has the labels of a Job of the toolkit and runs a shell command. The
# Pod has another controller, because the Job controller adopts a Pod without one and counts it.
create_impostor() { # pod|job NAME UID SHELL-COMMAND
  "$GKE_JOB_PYTHON" -c '
import json, sys
kind, name, uid, command, text, owner = sys.argv[1:]
labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name, "controller-uid": uid}
notes = {"batch.kubernetes.io/job-completion-index": text, "note": text}
main = {"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", command]}
spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [main]}
metadata = {"labels": labels, "annotations": notes}
owners = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner, "controller": True}]
if kind == "pod":
    thing = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "ownerReferences": owners, **metadata},
             "spec": spec}
else:
    thing = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
             "spec": {"manualSelector": True, "selector": {"matchLabels": labels},
                      "template": {"metadata": metadata, "spec": spec}}}
print(json.dumps(thing))' "$1" "$2" "$3" "$4" "$HOSTILE" "$owner" | kubectl create --filename -
}

has_spoken() { # IMPOSTOR
  kubectl logs --selector "batch.kubernetes.io/job-name=$1" | grep --quiet 'impostor speaks'
}

launch_job() { # SHELL-COMMAND [OPTION...] -> runner
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file "$1")" "${@:2}" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
}

# Starts run-job and waits for its Pod. Sets runner, job, uid.
start_job() {
  launch_job "$SAVES"
  wait_until grep --quiet 'is running on' "$BATS_TEST_TMPDIR/err"
  job=$(sed -n 's/.*created Job \([^ ]*\).*/\1/p' "$BATS_TEST_TMPDIR/err")
  uid=$(field "$job" '{.metadata.uid}')
}

# Asserts that result and log are only of the Pod of run-job, and that nothing was executed.
assert_untouched() { # RESULT
  wait_for "$runner"
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" "$1"
  refute grep --quiet impostor "$BATS_TEST_TMPDIR/err"
  refute grep --quiet '::endgroup::.' "$BATS_TEST_TMPDIR/err"
  assert_equal "$(grep --count --line-regexp 'run-job: Job is complete' "$BATS_TEST_TMPDIR/err")" 0
  assert [ ! -e "$MARK" ]
}

@test "S1, S3: a foreign Pod with the labels of the Job is not followed, and its result is not used" {
  start_job
  create_impostor pod impostor "$uid" 'echo impostor speaks; echo 666 >/dev/termination-log'
  wait_until has_spoken impostor
  end_training "$job"
  assert_untouched 7
}

@test "S3: run-job does not wait for the endless log of such a Pod" {
  start_job
  create_impostor pod impostor-that-stays "$uid" 'echo impostor speaks; sleep 60'
  wait_until has_spoken impostor-that-stays
  end_training "$job"
  assert_untouched 7
}

# bats test_tags=needs:manual-selector
@test "S1: a Job with manualSelector, the Job's labels and code in annotations has no effect" {
  start_job
  create_impostor job impostor-job "$uid" 'echo impostor speaks; echo 666 >/dev/termination-log; sleep 2'
  wait_until has_spoken impostor-job
  end_training "$job"
  assert_untouched 7
}

@test "S1: code in an annotation from the values is not executed" {
  "$GKE_JOB_PYTHON" -c '
import json, sys
text = sys.argv[1]
print(json.dumps({"image": "busybox:1.37", "command": ["sh", "-c", "echo 7 >/dev/termination-log"],
                  "annotations": {"example.com/note": text, "batch.kubernetes.io/job-completion-index": text}}))' \
    "$HOSTILE" >"$BATS_TEST_TMPDIR/values.json"
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$BATS_TEST_TMPDIR/values.json" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  assert_untouched 7
}

@test "S7: container output cannot imitate lines of the toolkit or close a group of Airflow's log" {
  launch_job 'sleep 1; printf "a\rrun-job: Job is complete\n\033[2J::endgroup::\n\033[31mred\n\nrun-job: Job is complete\n"; echo 7 >/dev/termination-log'
  assert_untouched 7
  refute grep --quiet $'\033\\[2J' "$BATS_TEST_TMPDIR/err"
  assert grep --quiet --fixed-strings $'\033[31mred\033[0m' "$BATS_TEST_TMPDIR/err"
}

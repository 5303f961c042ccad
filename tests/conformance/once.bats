#!/usr/bin/env bats
# run-job --once: checks of a Job in separate processes, between which no process waits for the Job.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

# Checks a Job until it is finished. Appends the lines to $out; sets status, output, stderr, and checks: their number.
check_to_end() { # JOB UID [OPTION...]
  out=$BATS_TEST_TMPDIR/out checks=0 status=75
  while ((status == 75)); do
    run_script run-job --job "$1" --uid "$2" --once --check-state "$BATS_TEST_TMPDIR/state" "${@:3}"
    sed --quiet '/ | /p' <<<"$stderr" >>"$out"
    checks=$((checks + 1))
  done
}

@test "A#12136: all checks of a Job print each line once, and the last check prints the result" {
  # shellcheck disable=SC2016 # for the shell of the container
  local uid work='for n in $(seq 40); do echo line $n; printf "half "; sleep 0.25; echo whole; done; echo 7 >/dev/termination-log'
  uid=$(create_job counts "$work" '{"suspend": true}')
  run_script run-job --job counts --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_failure 75
  kubectl patch job counts --type merge --patch '{"spec": {"suspend": false}}'
  check_to_end counts "$uid"
  assert_equal "$status" 0
  assert_equal "$output" 7
  # shellcheck disable=SC2016 # for the shell
  assert_equal "$(sed 's/^.* | //' "$out")" "$(for n in $(seq 40); do printf 'line %s\nhalf whole\n' "$n"; done)"
}

@test "the logs of all Pods of a Job that fails are printed once, and the last check has the diagnosis" {
  local uid
  uid=$(create_job tries 'echo try; sleep 1; exit 3' '{"backoffLimit": 2}')
  check_to_end tries "$uid" --max-log-streams 1
  assert_equal "$status" 1
  assert_equal "$(wc --lines <"$out")" 3
  assert_equal "$(sort --unique "$out" | wc --lines)" 3
  assert_regex "$stderr" 'container main: exit code 3'
  assert_regex "${stderr_lines[-1]}" 'Job tries failed: Job has reached the specified backoff limit'
}

@test "V5: the last check returns the result of a Pod that was removed between two checks" {
  # shellcheck disable=SC2016 # for the shell of the container
  local uid work='[ $JOB_COMPLETION_INDEX = 0 ] || [ $LAST ] || exec sleep 600
    echo $((JOB_COMPLETION_INDEX + 10)) >/dev/termination-log'
  uid=$(create_job removed "$work" '{"completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimit": 1}' \
    '{"env": [{"name": "LAST", "valueFrom": {"configMapKeyRef": {"name": "removed", "key": "last", "optional": true}}}]}')
  wait_until succeeded removed 1
  wait_until kubectl wait --for condition=Ready pods --selector job-name=removed,batch.kubernetes.io/job-completion-index=1
  run_script run-job --job removed --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_failure 75
  kubectl delete pods --selector job-name=removed,batch.kubernetes.io/job-completion-index=0
  run_script run-job --job removed --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_failure 75
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "removed"}, "data": {"last": "yes"}}'
  kubectl delete pods --selector job-name=removed # the replacement ends
  check_to_end removed "$uid"
  assert_equal "$status" 0
  assert_equal "$output" '[10,11]'
}

@test "A#43938: after a timeout the log so far is printed and the Job is deleted" {
  local uid
  uid=$(create_job endless 'echo started; sleep 600')
  wait_until sh -c 'kubectl logs job/endless | grep --quiet started'
  check_to_end endless "$uid" --timeout 100 --waited 100
  assert_equal "$status $checks" '124 1'
  assert_regex "$(<"$out")" '^.{5} \| started$'
  wait_until no_job endless
}

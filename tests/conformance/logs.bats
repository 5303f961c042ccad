#!/usr/bin/env bats
# The log endpoint, and what follow-job makes of it: every line, once, behind the end of its Pod's name.

setup_file() {
  load test_helper
  use_generated_namespace
  # shellcheck disable=SC2016 # for the shell of the container
  create_job slow 'for n in 1 2 3 4; do echo line $n; sleep 1; done'
  create_job streams 'echo out; echo err >&2'
  create_job unended 'printf "no newline"'
  create_job bytes "printf '\\303(\\n'; seq 1000"
  create_job many 'echo line' '{"completions": 4, "parallelism": 4}'
  create_job retried 'echo try; exit 1' '{"backoffLimit": 1}'
  create_job restarted 'true' '{"backoffLimit": 6, "template": {"spec": {"restartPolicy": "OnFailure",
    "volumes": [{"name": "data", "emptyDir": {}}],
    "containers": [{"name": "main", "image": "busybox:1.37", "volumeMounts": [{"name": "data", "mountPath": "/data"}],
      "command": ["sh", "-c", "[ ! -e /data/ran ] || { echo second; exec sleep 60; }; echo first; touch /data/ran; exit 1"]}]}}}'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

log_has() { # LINE POD
  kubectl logs "$2" | grep --quiet --line-regexp "$1"
}

pod_of() { # JOB
  kubectl get pods --selector "job-name=$1" --output name
}

@test "follow-job shows lines while the Job runs, and none twice" {
  run_script follow-job --job slow
  assert_success
  assert_equal "$(printf '%s\n' "${lines[@]}" | sed 's/^.* | //')" $'line 1\nline 2\nline 3\nline 4'
}

@test "kubectl logs --follow ends with the container and has shown every line" {
  run kubectl logs --follow "$(pod_of slow)"
  assert_success
  assert_output $'line 1\nline 2\nline 3\nline 4'
}

@test "--since-time brings the lines from that second on, --timestamps when each was written" {
  wait_for_condition Complete slow
  run kubectl logs "$(pod_of slow)" --timestamps
  assert_line --index 2 --regexp '^20[0-9-]+T[0-9:]+\.[0-9]+Z line 3$'
  run kubectl logs "$(pod_of slow)" --since-time "${lines[2]%% *}"
  assert_output $'line 3\nline 4'
}

@test "stdout and stderr of a container are one log" {
  wait_for_condition Complete streams
  run_script follow-job --job streams
  assert_equal "$(printf '%s\n' "${lines[@]}" | sed 's/^.* | //' | sort | xargs)" 'err out'
}

@test "a last line without newline is a line of its own" {
  wait_for_condition Complete unended
  bash "$REPOSITORY/scripts/follow-job" --job unended 2>/dev/null >"$BATS_TEST_TMPDIR/log"
  assert_equal "$(wc --lines <"$BATS_TEST_TMPDIR/log")" 1
  assert_regex "$(<"$BATS_TEST_TMPDIR/log")" '^.{5} \| no newline$'
}

@test "a long log is whole, and bytes that are no UTF-8 stay what they are" {
  wait_for_condition Complete bytes
  bash "$REPOSITORY/scripts/follow-job" --job bytes 2>/dev/null >"$BATS_TEST_TMPDIR/log"
  assert_equal "$(wc --lines <"$BATS_TEST_TMPDIR/log")" 1001
  assert_equal "$(head --lines 1 "$BATS_TEST_TMPDIR/log" | tail --bytes 3 | od -An -tx1 | xargs)" 'c3 28 0a'
  assert_equal "$(tail --lines +2 "$BATS_TEST_TMPDIR/log" | sed 's/^.* | //' | md5sum)" "$(seq 1000 | md5sum)"
}

@test "A#44994: the logs of all Pods of a Job are shown, also beyond --max-log-streams" {
  run_script follow-job --job many --max-log-streams 1
  assert_success
  assert_equal "${#lines[@]}" 4
  assert_equal "$(printf '%s\n' "${lines[@]}" | sort --unique | wc --lines)" 4
}

@test "A#42144: every try of a failing Job shows its log before the Job's verdict" {
  run_script follow-job --job retried
  assert_failure 1
  assert_equal "${#lines[@]}" 2
  assert_output --regexp '\| try'
}

# bats test_tags=needs:previous-logs
@test "--previous is the log of the run before, of a container that was started again" {
  wait_until log_has second "$(pod_of restarted)"
  run kubectl logs "$(pod_of restarted)" --previous
  assert_output first
}

@test "the log of a Pod that does not exist: NotFound" {
  run kubectl logs never-was
  assert_failure 1
  assert_output --regexp '^[Ee]rror.*\(NotFound\): pods "never-was" not found'
}

#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031 # each test is a subshell
# The log endpoint, and follow-job: every line once, with the suffix of its Pod's name as prefix.

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
      "command": ["sh", "-c", "[ ! -e /data/ran ] || { echo second; trap exit TERM; sleep 1000 & wait; }; echo first; touch /data/ran; exit 1"]}]}}}'
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

@test "kubectl logs --follow shows every line and ends with the container" {
  run kubectl logs --follow "$(pod_of slow)"
  assert_success
  assert_output $'line 1\nline 2\nline 3\nline 4'
}

@test "--since-time selects the lines from that second on, --timestamps adds the time of each line" {
  local line since=()
  wait_for_condition Complete slow
  run kubectl logs "$(pod_of slow)" --timestamps
  assert_line --index 2 --regexp '^20[0-9-]+T[0-9:]+\.[0-9]+Z line 3$'
  for line in "${lines[@]}"; do
    [[ ${line%%.*} < ${lines[2]%%.*} ]] || since+=("${line#* }")
  done
  run kubectl logs "$(pod_of slow)" --since-time "${lines[2]%% *}"
  assert_output "$(printf '%s\n' "${since[@]}")"
}

@test "stdout and stderr of a container are in one log" {
  wait_for_condition Complete streams
  run_script follow-job --job streams
  assert_equal "$(printf '%s\n' "${lines[@]}" | sed 's/^.* | //' | sort | xargs)" 'err out'
}

@test "a last line without a newline is a line" {
  wait_for_condition Complete unended
  bash "$REPOSITORY/scripts/follow-job" --job unended 2>/dev/null >"$BATS_TEST_TMPDIR/log"
  assert_equal "$(wc --lines <"$BATS_TEST_TMPDIR/log")" 1
  assert_regex "$(<"$BATS_TEST_TMPDIR/log")" '^.{5} \| no newline$'
}

@test "a long log is complete, and bytes that are not UTF-8 are unchanged" {
  wait_for_condition Complete bytes
  bash "$REPOSITORY/scripts/follow-job" --job bytes 2>/dev/null >"$BATS_TEST_TMPDIR/log"
  assert_equal "$(wc --lines <"$BATS_TEST_TMPDIR/log")" 1001
  assert_equal "$(head --lines 1 "$BATS_TEST_TMPDIR/log" | tail --bytes 3 | od -An -tx1 | xargs)" 'c3 28 0a'
  assert_equal "$(tail --lines +2 "$BATS_TEST_TMPDIR/log" | sed 's/^.* | //' | md5sum)" "$(seq 1000 | md5sum)"
}

@test "A#44994: the logs of all Pods of a Job are shown, even with more Pods than --max-log-streams" {
  run_script follow-job --job many --max-log-streams 1
  assert_success
  assert_equal "${#lines[@]}" 4
  assert_equal "$(printf '%s\n' "${lines[@]}" | sort --unique | wc --lines)" 4
}

@test "A#42144: the log of every failed Pod is shown before the end of the Job" {
  run_script follow-job --job retried
  assert_failure 1
  assert_equal "${#lines[@]}" 2
  assert_output --regexp '\| try'
}

# bats test_tags=needs:previous-logs
@test "--previous returns the log of the previous run of a restarted container" {
  wait_until log_has second "$(pod_of restarted)"
  run kubectl logs "$(pod_of restarted)" --previous
  assert_output first
}

@test "the log of a Pod that does not exist: NotFound" {
  run kubectl logs never-was
  assert_failure 1
  assert_output --regexp '^[Ee]rror.*\(NotFound\): pods "never-was" not found'
}

# Follows a Job until it has failed. Sets status, out and err.
follow_to_failure() { # JOB [OPTION...]
  out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
  bash "$REPOSITORY/scripts/follow-job" --job "$@" >"$out" 2>"$err" 3>&- &
  wait_for_condition Failed "$1"
  wait_for $!
}

@test "L2: a progress bar is shown while it changes, at most one line per second" {
  local began
  # Without a newline, output reaches the log of a real container in parts of 16 KiB.
  # shellcheck disable=SC2016 # for the shell of the container
  create_job progress 'for n in $(seq 40); do printf "\r%4096s" "$n%"; sleep 0.2; done; printf "\rdone\n"; sleep 3' \
    '{"suspend": true}'
  bash "$REPOSITORY/scripts/follow-job" --job progress >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep --quiet 'is suspended' "$BATS_TEST_TMPDIR/err"
  kubectl patch job progress --type merge --patch '{"spec": {"suspend": false}}'
  wait_until grep --quiet '[0-9]%' "$BATS_TEST_TMPDIR/out"
  began=$SECONDS
  assert_equal "$(conditions progress)" 'Suspended=False:JobResumed'
  refute grep --quiet 'done' "$BATS_TEST_TMPDIR/out"
  wait_for $!
  assert_equal "$status" 0
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/out")" '\| done$'
  (($(wc --lines <"$BATS_TEST_TMPDIR/out") <= SECONDS - began + 3))
  refute grep --quiet $'\r' "$BATS_TEST_TMPDIR/out"
}

@test "L2: lines that end with CR LF are lines" {
  create_job crlf 'printf "one\r\ntwo\r\n\r\nthree\r\n"'
  wait_for_condition Complete crlf
  bash "$REPOSITORY/scripts/follow-job" --job crlf 2>/dev/null >"$BATS_TEST_TMPDIR/log"
  assert_equal "$(sed 's/^.....-*[^|]*| //' "$BATS_TEST_TMPDIR/log" | od -An -c | tr -d ' \n')" 'one\ntwo\n\nthree\n'
}

@test "L1: text that looks like a timestamp is text" {
  create_job stamps 'printf "2026-01-01T00:00:00Z one\nx\n2026-01-01T00:00:00.123456789Z\nand so on\n"'
  wait_for_condition Complete stamps
  run_script follow-job --job stamps
  assert_equal "$(printf '%s\n' "${lines[@]}" | sed 's/^.* | //')" \
    $'2026-01-01T00:00:00Z one\nx\n2026-01-01T00:00:00.123456789Z\nand so on'
}

# bats test_tags=needs:init-containers
@test "L3: the log of a failed init container is read without a wait for other logs" {
  create_job init-fails '' "$(job_spec "{\"initContainers\": [$(container prepare 'echo no data; exit 7')],
    \"containers\": [$(container main true)]}")"
  follow_to_failure init-fails
  assert_equal "$status" 1
  assert_regex "$(<"$out")" '^.{5} prepare \| no data$'
  refute grep --quiet 'read' "$err" # a message that a log could not be read comes after DRAIN_SECONDS
  assert grep --quiet 'init container prepare: exit code 7' "$err"
}

# bats test_tags=needs:init-containers
@test "L3: one of two init containers fails, and the image of the program does not exist" {
  create_job second-fails '' "$(job_spec "{\"initContainers\": [$(container first 'echo fine'), $(container second 'echo broken; exit 7')],
    \"containers\": [{\"name\": \"main\", \"image\": \"gke-job.invalid/no-such-image:1\"}]}")"
  follow_to_failure second-fails
  assert_equal "$status" 1
  # The logs of terminated containers are read at the same time, so their order may differ.
  assert_equal "$(sed 's/^.....//' "$out" | sort)" $' first | fine\n second | broken'
  refute grep --quiet 'not be read' "$err" # a message that a log could not be read comes after DRAIN_SECONDS
}

@test "L5: a container that continues after the end of the main one is reported, and its log is followed" {
  local name
  for name in helper istio-proxy; do
    create_job "beside-$name" '' "$(job_spec "{\"containers\": [$(container main 'echo done'),
      $(container "$name" 'while :; do echo tick; sleep 1; done')]}")"
  done
  for name in helper istio-proxy; do
    bash "$REPOSITORY/scripts/follow-job" --job "beside-$name" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    wait_until grep --quiet "does not terminate, although its program has ended: $name still runs" "$BATS_TEST_TMPDIR/err"
    wait_until grep --quiet " $name | tick" "$BATS_TEST_TMPDIR/out"
    wait_until grep --quiet '[a-z0-9]\{5\} | done' "$BATS_TEST_TMPDIR/out"
    kill $!
    wait_for $!
    assert_equal "$status" 143
  done
  kubectl delete job beside-helper beside-istio-proxy --wait=false
}

#!/usr/bin/env bats
# The termination message, which contains the result: the part that the kubelet keeps, and the output of collect-job.

setup_file() {
  load test_helper
  use_generated_namespace
  create_job json 'printf "{\n  \"loss\": 0.25\n}\n" >/dev/termination-log'
  create_job text 'printf "gs://bucket/model \"v1\"" >/dev/termination-log'
  create_job nothing 'true'
  create_job long 'printf "begin%4096s" end >/dev/termination-log'
  create_job explained 'echo from the log; exit 1' '{}' '{"terminationMessagePolicy": "FallbackToLogsOnError"}'
  # Fails once: an emptyDir would be new for each Pod, so a ConfigMap of the test has the number of the try.
  # shellcheck disable=SC2016 # for the shell of the container
  create_job retried 'printf "\"$TRY\"" >/dev/termination-log; test "$TRY" = second' '{"backoffLimit": 6}' \
    '{"env": [{"name": "TRY", "valueFrom": {"configMapKeyRef": {"name": "try", "key": "try", "optional": true}}}]}'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

message() { # JOB
  kubectl get pods --selector "batch.kubernetes.io/job-name=$1" \
    --output 'jsonpath={.items[0].status.containerStatuses[0].state.terminated.message}'
}

@test "a JSON message is the result, on one line, and the Job is marked as collected" {
  wait_for_condition Complete json
  run_script collect-job --job json
  assert_success
  assert_output '{"loss":0.25}'
  assert_regex "$(field json '{.metadata.annotations.gke-job/collected}')" '^20[0-9-]+T[0-9:]+Z$'
}

@test "a text message is a JSON string" {
  wait_for_condition Complete text
  run_script collect-job --job text
  assert_output '"gs://bucket/model \"v1\""'
}

@test "a container without a message has the result null" {
  wait_for_condition Complete nothing
  assert_equal "$(message nothing)" ''
  run_script collect-job --job nothing
  assert_output 'null'
}

@test "a message is cut to its last 4096 bytes, and collect-job refuses it: 65" {
  wait_for_condition Complete long
  run message long
  assert_equal "${#output}" 4096
  assert_regex "$output" 'end$'
  run_script collect-job --job long
  assert_one_error 65 'Pod long-.{5}: result truncated at 4096 bytes; write larger results to object storage'
}

@test "FallbackToLogsOnError: the message of a failed container without one is the end of its log" {
  wait_for_condition Failed explained
  assert_equal "$(message explained)" 'from the log'
}

@test "A#63838: the result is that of the Pod that succeeded, not of a Pod that failed before" {
  wait_until sh -c 'kubectl get pods --selector job-name=retried --output jsonpath={.items[*].status.phase} | grep Failed'
  kubectl create --filename - <<'JSON'
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "try"}, "data": {"try": "second"}}
JSON
  wait_for_condition Complete retried
  run_script collect-job --job retried
  assert_success
  assert_output '"second"'
}

@test "a failed Job has no result: 1" {
  wait_for_condition Failed explained
  run_script collect-job --job explained
  assert_one_error 1 'Job explained failed: it has no result'
}

# Runs a Job with these containers and collects its result. Sets status, output and stderr.
run_containers() { # NAME CONTAINERS [POD-METADATA [POD-SPEC]]
  create_job "$1" '' "$(job_spec "{\"containers\": [$2]${4:+, $4}}" '{}' "${3:-{\}}")"
  run_script follow-job --job "$1"
  assert_success
  run_script collect-job --job "$1"
}

LEAVES_1='echo 1 >/dev/termination-log'
LEAVES_2='echo 2 >/dev/termination-log'

@test "V4: the result is that of main, at any position among the containers" {
  run_containers main-last "$(container istio-proxy true), $(container main "$LEAVES_1")"
  assert_output 1
  run_containers main-first "$(container main "$LEAVES_1"), $(container istio-proxy "$LEAVES_2")"
  assert_output 1
}

@test "V4: without main the result is that of the container that is no known sidecar" {
  run_containers no-main "$(container istio-proxy "$LEAVES_2"), $(container train "$LEAVES_1")"
  assert_output 1
}

@test "V4: the annotation kubectl.kubernetes.io/default-container names the container of the result" {
  run_containers annotated "$(container main "$LEAVES_2"), $(container worker "$LEAVES_1")" \
    '{"annotations": {"kubectl.kubernetes.io/default-container": "worker"}}'
  assert_output 1
  run_containers annotated-wrong "$(container main "$LEAVES_1"), $(container worker "$LEAVES_2")" \
    '{"annotations": {"kubectl.kubernetes.io/default-container": "nobody"}}'
  assert_output 1
}

# bats test_tags=needs:init-containers
@test "V4: init containers have no result" {
  run_containers with-init "$(container main "$LEAVES_1")" '{}' \
    "\"initContainers\": [$(container prepare "$LEAVES_2")]"
  assert_output 1
}

# bats test_tags=needs:init-containers
@test "V4: a native sidecar has no result, and ends with its Pod" {
  local sidecar
  sidecar=$(container proxy "$LEAVES_2; trap exit TERM; sleep 60 & wait")
  run_containers with-sidecar "$(container train "$LEAVES_1")" '{}' \
    "\"initContainers\": [${sidecar%\}}, \"restartPolicy\": \"Always\"}]"
  assert_output 1
}

@test "V5: a run that followed a Pod returns its result even if the Pod is removed before collection" {
  # shellcheck disable=SC2016 # for the shell of the container
  local template pod work='[ $JOB_COMPLETION_INDEX = 0 ] || sleep 20; echo $((JOB_COMPLETION_INDEX + 10)) >/dev/termination-log'
  as_task dag "$BATS_TEST_NAME" run
  template=$(job_template "$(job_spec "{\"containers\": [$(container main "$work")]}" \
    '{"completionMode": "Indexed", "completions": 2, "parallelism": 2}')")
  bash "$REPOSITORY/scripts/run-job" --template "$template" --name removed-early \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep --quiet '(index 0) has succeeded' "$BATS_TEST_TMPDIR/err"
  pod=$(kubectl get pods --selector job-name=removed-early,batch.kubernetes.io/job-completion-index=0 --output name)
  kubectl delete "$pod"
  wait_for $!
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" '[10,11]'
  run ! grep 'may be incomplete' "$BATS_TEST_TMPDIR/err"
}

# Prints NUMBER opening brackets and as many closing ones.
nested() { # NUMBER
  printf "printf '%%%ss' | tr ' ' '[' >/tmp/nested; printf '%%%ss' | tr ' ' ']' >>/tmp/nested; cp /tmp/nested /dev/termination-log" "$1" "$1"
}

@test "S8: a result of 1,500 nested lists is refused with one line: 65" {
  create_job deep "$(nested 1500)"
  wait_for_condition Complete deep
  run_script collect-job --job deep
  assert_one_error 65 'Pod deep-.{5}: result nested more than 100 levels deep; '
}

@test "S8: run-job of such a Job also ends with 65; 100 levels are accepted" {
  as_task dag "$BATS_TEST_NAME" run
  run_script run-job --template batch-job --values "$(values_file "$(nested 1500)")" --name deep-run
  assert_failure 65
  assert_output ''
  assert_regex "${stderr_lines[-1]}" 'nested more than 100 levels deep'
  run_script run-job --template batch-job --values "$(values_file "$(nested 100)")" --name deep-enough
  assert_success
  assert_equal "${#output}" 200
}

@test "S8: numbers and names that JSON lacks are text, and an integer keeps its digits" {
  create_job infinite 'echo "{\"loss\": NaN}" >/dev/termination-log'
  create_job large 'echo 123456789012345678901234567890 >/dev/termination-log'
  create_job digits 'printf %4000s | tr " " 9 >/dev/termination-log'
  wait_for_condition Complete infinite
  run_script collect-job --job infinite
  assert_output '"{\"loss\": NaN}"'
  wait_for_condition Complete large
  run_script collect-job --job large
  assert_output 123456789012345678901234567890
  wait_for_condition Complete digits
  run_script collect-job --job digits
  assert_success
  assert_equal "${#output}" 4000
}

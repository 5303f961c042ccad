#!/usr/bin/env bats
setup_file() {
  load test_helper
  use_own_namespace
}

setup() { load test_helper; }

# Creates a Job and waits for its end.
finished_job() { # CONDITION NAME SHELL-COMMAND [SPEC]
  create_job "${@:2}" >/dev/null
  wait_for_condition "$1" "$2"
}

@test "prints the JSON result of the container on one line" {
  finished_job Complete json 'printf "{\n  \"loss\": 0.25,\n  \"note\": \"a b\"\n}\n" > /dev/termination-log'
  run_script collect-job --job json
  assert_success
  assert_output '{"loss":0.25,"note":"a b"}'
}

@test "prints a text result as a JSON string" {
  finished_job Complete text 'printf "gs://bucket/model \"v1\"\nsecond line" > /dev/termination-log'
  run_script collect-job --job text
  assert_success
  assert_output '"gs://bucket/model \"v1\"\nsecond line"'
}

@test "prints null if the container has no result" {
  finished_job Complete nothing 'true'
  run_script collect-job --job nothing
  assert_success
  assert_output 'null'
}

@test "prints the results of an Indexed Job in the order of the indexes, with null for a missing one" {
  # shellcheck disable=SC2016 # for the shell of the container
  finished_job Complete indexed \
    'test $JOB_COMPLETION_INDEX = 1 || printf "%s0" $JOB_COMPLETION_INDEX > /dev/termination-log' \
    '{"completions": 4, "parallelism": 4, "completionMode": "Indexed"}'
  run_script collect-job --job indexed
  assert_success
  assert_output '["00",null,20,30]'
}

@test "marks the Job as collected" {
  finished_job Complete marked 'true'
  run_script collect-job --job marked
  assert_success
  run kubectl get job marked --output 'jsonpath={.metadata.annotations.gke-job/collected}'
  assert_output --regexp '^20[0-9-]+T[0-9:]+Z$'
}

collected_mark() { # NAME
  kubectl get job "$1" --output 'jsonpath={.metadata.annotations.gke-job/collected}'
}

@test "--mark later prints the result and leaves the mark to --mark only, which prints nothing" {
  finished_job Complete later 'echo 5 > /dev/termination-log'
  run_script collect-job --job later --mark later
  assert_success
  assert_output 5
  assert_equal "$(collected_mark later)" ''
  run_script collect-job --job later --mark only
  assert_success
  assert_output ''
  assert_equal "$stderr" ''
  assert_regex "$(collected_mark later)" '^20'
}

@test "an invalid --mark is a usage error: 64" {
  run_script collect-job --job any --mark never
  assert_one_error 64 "option --mark is 'never': it must be one of now, later, only"
}

@test "V7: a missing required result is 65, and the Job is marked, so that a cleared task runs it again" {
  finished_job Complete empty 'true'
  run_script collect-job --job empty --result-required --mark later
  assert_one_error 65 'Job empty is complete, but its container wrote no result; a result is required'
  assert_regex "$(collected_mark empty)" '^20'
  finished_job Complete full 'echo 5 > /dev/termination-log'
  run_script collect-job --job full --result-required
  assert_success
  assert_output 5
}

@test "a truncated result is refused: 65, and the Job is not marked" {
  finished_job Complete cut 'printf "[%5000s]" 1 > /dev/termination-log'
  run_script collect-job --job cut
  assert_one_error 65 'Pod cut-.*: result truncated at 4096 bytes; write larger results to object storage'
  assert_equal "$(kubectl get job cut --output 'jsonpath={.metadata.annotations.gke-job/collected}')" ''
}

@test "a denied mark is reported, and the result is valid" {
  finished_job Complete unmarked 'echo 5 > /dev/termination-log'
  kubectl config set-credentials viewer --token viewer-token >/dev/null
  kubectl config set-context viewer --cluster localgke --user viewer --namespace "$NAMESPACE" >/dev/null
  run_script collect-job --job unmarked --context viewer
  assert_success
  assert_output 5
  assert_regex "$stderr" 'cannot mark Job unmarked as collected, .*permission denied: .*cannot patch'
}

@test "a Job that is not finished: 75" {
  create_job running 'sleep 60'
  run_script collect-job --job running
  assert_one_error 75 'Job running is not finished: wait for it with follow-job'
}

@test "a failed Job has no result: 1" {
  finished_job Failed failed 'echo 1 > /dev/termination-log; exit 3'
  run_script collect-job --job failed
  assert_one_error 1 'Job failed failed: it has no result'
}

@test "a missing Job: 78" {
  run_script collect-job --job never-was
  assert_one_error 78 'jobs.batch "never-was" not found'
}

@test "a Job with another uid is refused: 78" {
  finished_job Complete stranger 'true'
  run_script collect-job --job stranger --uid 00000000-0000-0000-0000-000000000000
  assert_one_error 78 'another Job has its name'
}

@test "--dry-run shows the commands" {
  run_script collect-job --job any --dry-run
  assert_success
  assert_output ''
  assert_regex "$stderr" 'would run: kubectl .*get pods'
}

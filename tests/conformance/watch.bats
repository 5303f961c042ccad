#!/usr/bin/env bats
# Watches, which follow-job uses.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown() { end_children; }

teardown_file() { delete_namespace; }

types() { # LINE... prints the first words, without repetitions
  printf '%s\n' "$@" | cut --delimiter=' ' --fields=1 | uniq | xargs
}

# Prints the changes after a resourceVersion until the server ends the watch: TYPE NAME, a line each.
watch_since() { # RESOURCE-VERSION SECONDS
  kubectl get --raw "/apis/batch/v1/namespaces/$NAMESPACE/jobs?watch=1&resourceVersion=$1&timeoutSeconds=$2" |
    "$GKE_JOB_PYTHON" -c '
import json, sys
for line in sys.stdin:
    event = json.loads(line)
    print(event["type"], event["object"].get("metadata", {}).get("name", event["object"].get("reason")))'
}

list_version() {
  kubectl get --raw "/apis/batch/v1/namespaces/$NAMESPACE/jobs?limit=1" |
    "$GKE_JOB_PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["metadata"]["resourceVersion"])'
}

@test "a watch has existing objects, each change, and the last state of a deleted object" {
  create_job watched 'true'
  wait_for_condition Complete watched
  kubectl get job watched --watch --output-watch-events \
    --output 'jsonpath={.type} {.object.status.conditions[*].type} {.object.metadata.annotations.changed}{"\n"}' \
    >"$BATS_TEST_TMPDIR/events" 3>&- &
  wait_until grep -q '^ADDED SuccessCriteriaMet Complete' "$BATS_TEST_TMPDIR/events"
  kubectl annotate job watched changed=yes
  wait_until grep -q '^MODIFIED SuccessCriteriaMet Complete yes$' "$BATS_TEST_TMPDIR/events"
  kubectl delete job watched --cascade=background --wait=false
  wait_until grep -q '^DELETED SuccessCriteriaMet Complete yes$' "$BATS_TEST_TMPDIR/events"
}

@test "conditions are set in order: SuccessCriteriaMet before Complete, FailureTarget before Failed" {
  create_job ordered 'true' '{"suspend": true}'
  create_job broken 'exit 1' '{"suspend": true}'
  kubectl get jobs --watch --output-watch-events \
    --output 'jsonpath={.object.metadata.name} {.object.status.conditions[?(@.status=="True")].type}{"\n"}' \
    >"$BATS_TEST_TMPDIR/events" 3>&- &
  wait_until grep -q '^ordered Suspended$' "$BATS_TEST_TMPDIR/events"
  wait_until grep -q '^broken Suspended$' "$BATS_TEST_TMPDIR/events"
  kubectl patch job ordered broken --type merge --patch '{"spec": {"suspend": false}}'
  wait_until grep -q '^ordered .*Complete$' "$BATS_TEST_TMPDIR/events"
  wait_until grep -q '^broken .*Failed$' "$BATS_TEST_TMPDIR/events"
  assert_equal "$(grep '^ordered [A-Z]' "$BATS_TEST_TMPDIR/events" | uniq)" \
    $'ordered Suspended\nordered SuccessCriteriaMet\nordered SuccessCriteriaMet Complete'
  assert_equal "$(grep '^broken [A-Z]' "$BATS_TEST_TMPDIR/events" | uniq)" \
    $'broken Suspended\nbroken FailureTarget\nbroken FailureTarget Failed'
}

@test "a watch from a resourceVersion has all later changes, and the server ends it at its timeout" {
  local version
  version=$(list_version)
  create_job later 'true'
  wait_for_condition Complete later
  kubectl delete job later --cascade=background
  run watch_since "$version" 2
  assert_success
  assert_line --index 0 'ADDED later'
  assert_line 'MODIFIED later'
  assert_equal "${lines[-1]}" 'DELETED later'
}

@test "a watch with a selector reports an object that ceases to match as deleted" {
  create_job selected 'sleep 60' '{"suspend": true}'
  kubectl label job selected kind=wanted
  kubectl get jobs --selector kind=wanted --watch --output-watch-events \
    --output 'jsonpath={.type} {.object.metadata.name}{"\n"}' >"$BATS_TEST_TMPDIR/events" 3>&- &
  wait_until grep -q '^ADDED selected' "$BATS_TEST_TMPDIR/events"
  kubectl label job selected kind-
  wait_until grep -q '^DELETED selected' "$BATS_TEST_TMPDIR/events"
}

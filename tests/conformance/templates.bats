#!/usr/bin/env bats
# The shipped templates for several Pods: items of a list, and Pods that communicate.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() { delete_namespace; }

# Runs a Job of a template whose container runs a shell command; MORE is JSON that overrides the values.
run_template() { # TEMPLATE SHELL-COMMAND MORE
  "$GKE_JOB_PYTHON" -c '
import json, sys
command, more = sys.argv[1:]
print(json.dumps({"image": "busybox:1.37", "command": ["sh", "-c", command], "retries": 0, **json.loads(more)}))
' "$2" "$3" >"$BATS_TEST_TMPDIR/values.json"
  run_script run-job --template "$1" --values "$BATS_TEST_TMPDIR/values.json" --name "${BATS_TEST_NUMBER}-$1"
}

@test "each item of a list has a Pod, and the results have the order of the items" {
  # shellcheck disable=SC2016 # for the shell of the container
  run_template indexed-job 'cat $ITEM_FILE >/dev/termination-log' \
    '{"items": ["$(ITEMS) \"quoted\"", 7, {"rate": 0.5}, "null"]}'
  assert_success
  # shellcheck disable=SC2016 # a value is never expanded
  assert_output '["$(ITEMS) \"quoted\"",7,{"rate":0.5},null]'
}

@test "a list without items is complete at once" {
  run_template indexed-job 'exit 3' '{"items": []}'
  assert_success
  assert_output '[]'
}

@test "an item that finally fails fails the Job after the other items have ended" {
  # shellcheck disable=SC2016 # for the shell of the container
  run_template indexed-job 'test $(cat $ITEM_FILE) != bad || exit 3; sleep 3' \
    '{"items": ["bad", "good"], "retries": 5, "no_retry_exit_codes": [3]}'
  assert_failure 1
  assert_field 3-indexed-job '{.status.failedIndexes} {.status.completedIndexes} {.status.failed}' '0 1 1'
  assert_field 3-indexed-job '{.status.conditions[?(@.type=="Failed")].reason}' FailedIndexes
}

@test "only a failed item is retried" {
  # shellcheck disable=SC2016 # for the shell of the container
  run_template indexed-job 'exit $(cat $ITEM_FILE)' '{"items": [0, 3], "retries": 1}'
  assert_failure 1
  assert_field 4-indexed-job '{.status.failedIndexes} {.status.completedIndexes} {.status.failed}' '1 0 2'
}

# Runs a distributed Job whose containers run a Python program; MORE is JSON that overrides the values. The name of the Job is
# also that of its Service, so it must not begin with a digit.
run_group() { # PROGRAM MORE
  "$GKE_JOB_PYTHON" -c '
import json, sys
command, more = sys.argv[1:]
print(json.dumps({"image": "python:3.12-slim", "command": ["python3", "-u", "-c", command], **json.loads(more)}))
' "$1" "$2" >"$BATS_TEST_TMPDIR/values.json"
  run_script run-job --template distributed-job --values "$BATS_TEST_TMPDIR/values.json" --name "group-$BATS_TEST_NUMBER"
}

@test "the Pods of a distributed Job find rank 0 by name" {
  run_group '
import os, socket, time
address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
if os.environ["RANK"] == "0":
    server = socket.create_server(("", address[1]))
    said = server.accept()[0].recv(9).decode()
else:
    while True:
        try:
            socket.create_connection(address).sendall(b"7")
            break
        except OSError as error:
            print(error)
            time.sleep(0.2)
    said = os.environ["PET_NODE_RANK"] + os.environ["PET_NNODES"]
open("/dev/termination-log", "w").write(said)' '{"nodes": 2}'
  assert_success
  assert_output '[7,12]'
}

@test "when a Pod of a distributed Job fails, the others end and the Job fails" {
  run_group '
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if os.environ["RANK"] == "1":
    sys.exit(3)
time.sleep(600)' '{"nodes": 2}'
  assert_failure 1
  assert_field "group-$BATS_TEST_NUMBER" '{.status.conditions[?(@.type=="Failed")].reason}' BackoffLimitExceeded
}

@test "a volume that is mounted at two paths is one volume" {
  run_template batch-job 'echo 7 >/a/file; cat /b/file >/dev/termination-log' \
    '{"volumes": {"/a": {"emptyDir": {}, "name": "both"}, "/b": {"name": "both", "readOnly": true}}}'
  assert_success
  assert_output 7
}

#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031 # each test is a subshell
# explain-job names the cause: each test makes a Job fail or wait, and checks the text.

setup_file() {
  load test_helper
  use_generated_namespace
  # All Jobs together, so that they run in parallel.
  create_job exits 'echo no data; exit 3'
  # shellcheck disable=SC2016 # for the shell of the container
  create_job killed 'sh -c "kill -KILL \$\$"; exit $?'
  create_job no-image 'true' '{}' '{"image": "gke-job.invalid/no-such-image:1"}'
  create_job no-node 'true' '{}' '{"resources": {"requests": {"cpu": "1000"}}}'
  create_job no-secret 'true' '{}' \
    '{"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub-token", "key": "token"}}}, {"name": "PASSWORD", "value": "hunter2"}]}'
  create_job late 'sleep 60' '{"activeDeadlineSeconds": 1}'
  create_job suspended 'true' '{"suspend": true}'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

# Succeeds if the Pod of a Job waits with a reason.
pod_waits_with() { # JOB REGEXP
  [[ $(kubectl get pods --selector "job-name=$1" --output \
    jsonpath='{.items[*].status.containerStatuses[*].state.waiting.reason} {.items[*].status.conditions[*].reason}') =~ $2 ]]
}

@test "explain-job names the exit code and shows the log" {
  wait_for_condition Failed exits
  explain exits
  assert_line '  container main: exit code 3'
  assert_line '    | no data'
}

@test "explain-job names the signal" {
  wait_for_condition Failed killed
  explain killed
  assert_line '  container main: exit code 137 (SIGKILL)'
}

@test "explain-job names the image that cannot be pulled" {
  wait_until pod_waits_with no-image 'ImagePullBackOff|ErrImagePull'
  explain no-image
  assert_line 'Job no-image is not finished: 1 Pod unable to start'
  assert_line --regexp '^  container main: (ImagePullBackOff|ErrImagePull): .*no-such-image:1'
}

@test "explain-job names the requests of a Pod that no node can meet" {
  wait_until pod_waits_with no-node 'Unschedulable'
  explain no-node
  assert_line 'Job no-node is not finished: 1 Pod waiting for a node'
  assert_line --regexp '^  Unschedulable: 0/[0-9]+ nodes are available: .*Insufficient cpu'
  assert_line --regexp '^  it requests .*cpu 1(k|000)'
}

@test "explain-job names the missing Secret, and prints no environment" {
  wait_until pod_waits_with no-secret 'CreateContainerConfigError'
  explain no-secret
  assert_line '  container main: CreateContainerConfigError: secret "hub-token" not found'
  assert_line --regexp '^advice: create the secret hub-token'
  refute_output --partial 'hunter2'
}

@test "explain-job names the deadline" {
  wait_for_condition Failed late
  explain late
  assert_equal "${lines[0]}" 'Job late failed: DeadlineExceeded: Job was active longer than specified deadline'
  assert_line --regexp '^advice: allow more than 1 s'
}

@test "explain-job reports that a suspended Job waits" {
  wait_for_condition Suspended suspended
  explain suspended
  assert_equal "${lines[0]}" 'Job suspended is suspended: it waits to be resumed'
}

# bats test_tags=needs:pod-security
@test "explain-job names the Pod Security rule that prevents the Pods" {
  kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted
  create_job insecure 'true'
  wait_until event insecure FailedCreate 'violates PodSecurity'
  explain insecure
  kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce- # so that the Pods of the next tests are created
  assert_line 'Job insecure is not finished: it has no Pods'
  assert_line --regexp '^  event FailedCreate, .*violates PodSecurity "restricted:latest"'
}

# shellcheck disable=SC2046 # a name and a uid
# Creates an Event about a Pod of a Job, as a component of the cluster does; FIELDS is JSON.
create_event() { # JOB FIELDS
  "$GKE_JOB_PYTHON" -c '
import json, os, sys
job, fields, name, uid = sys.argv[1:]
print(json.dumps({"apiVersion": "v1", "kind": "Event", "metadata": {"generateName": f"{job}."}, "type": "Normal",
                  "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid,
                                     "namespace": os.environ["NAMESPACE"]},
                  "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1,
                  **json.loads(fields)}))' "$1" "$2" \
    $(kubectl get pods --selector "job-name=$1" --output 'jsonpath={.items[0].metadata.name} {.items[0].metadata.uid}') |
    kubectl create --filename -
}

# bats test_tags=needs:events
@test "V11: a Pod whose node was scaled up first and that failed with 127: advice about the program" {
  create_job scaled-up 'no-such-program'
  wait_for_condition Failed scaled-up
  create_event scaled-up '{"reason": "TriggeredScaleUp", "message": "pod triggered scale-up: [{pool 0->1 (max: 3)}]"}'
  explain scaled-up
  assert_line --regexp '^advice: the image does not have that program'
  refute_output --partial 'a node is being created'
}

# bats test_tags=needs:events
@test "V11: a Pod whose image was pulled late and that failed with 3: no advice about the image" {
  wait_for_condition Failed exits
  create_event exits '{"type": "Warning", "reason": "Failed", "message": "Failed to pull image \"x\": rpc error: not found"}'
  create_event exits '{"type": "Warning", "reason": "FailedScheduling", "message": "0/3 nodes are available: 3 Insufficient cpu."}'
  explain exits
  refute_output --partial 'advice:'
}

# bats test_tags=needs:events
@test "V11: a waiting Pod for which a node is being added: the advice is to wait" {
  wait_until pod_waits_with no-node 'Unschedulable'
  create_event no-node '{"reason": "TriggeredScaleUp", "message": "pod triggered scale-up: [{pool 0->1 (max: 3)}]"}'
  explain no-node
  assert_line --regexp '^advice: a node is being created: wait'
}

@test "V12: a second container killed with 137 after the program failed with 9: no advice about SIGKILL" {
  # shellcheck disable=SC2016 # for the shell of the container
  create_job killed-beside '' "$(job_spec "{\"containers\": [$(container helper 'sleep 1; sh -c "kill -KILL \$\$"; exit $?'),
    $(container main 'echo no data; exit 9')]}")"
  wait_for_condition Failed killed-beside
  explain killed-beside
  assert_line '  container main: exit code 9'
  refute_output --regexp 'advice:.*SIGKILL'
}

# bats test_tags=needs:node-admission
@test "V12: OutOfcpu: the node did not admit the Pod; this is no failure of the program" {
  local node
  node=$(kubectl get nodes --output 'jsonpath={.items[0].metadata.name}')
  create_job out-of-cpu '' "$(job_spec "{\"nodeName\": \"$node\", \"containers\": [{\"name\": \"main\",
    \"image\": \"busybox:1.37\", \"command\": [\"true\"], \"resources\": {\"requests\": {\"cpu\": \"1000\"}}}]}")"
  wait_for_condition Failed out-of-cpu
  explain out-of-cpu
  assert_output --partial OutOfcpu
  assert_line --regexp '^advice: the node rejected the Pod'
  refute_output --regexp 'advice:.*(raise|OOMKilled|log of)'
}

# bats test_tags=needs:events
# shellcheck disable=SC2016 # text, not a command
@test "S7: an Event with a line break, a log group command and ESC is printed as one line of text" {
  wait_for_condition Failed exits
  # shellcheck disable=SC2016 # the case is that nothing is expanded
  create_event exits '{"type": "Warning", "reason": "Bad\n::endgroup::\u001b[2J", "message": "one\n::endgroup::\nadvice: $(reboot)\u001b[31m\r"}'
  create_event exits '{"type": "Warning", "reason": "Silent", "message": ""}'
  create_event exits '{"type": "Warning", "message": "a reason is missing"}'
  explain exits
  refute_output --regexp $'\033|\r'
  refute_output --partial '::endgroup::'
  refute_output --regexp $'\nadvice: .*reboot'
}

@test "S7: the text of an Event is never part of a command in the advice" {
  wait_for_condition Suspended suspended
  create_job hostile-queue 'true' '{"suspend": true}'
  kubectl label job hostile-queue 'kueue.x-k8s.io/queue-name=Q_x'
  explain hostile-queue
  refute_output --regexp 'kubectl describe localqueue Q_x'
}

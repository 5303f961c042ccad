#!/usr/bin/env bats
# Whether explain-job names the cause: each test makes a Job fail, or wait, and reads the text.

setup_file() {
  load test_helper
  use_generated_namespace
  # All at once, so that their times overlap.
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

explain() { # JOB
  run_script explain-job --job "$1"
  assert_success
}

# Whether the Pod of a Job waits for that reason.
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

@test "explain-job names what a Pod asks for that no node has" {
  wait_until pod_waits_with no-node 'Unschedulable'
  explain no-node
  assert_line 'Job no-node is not finished: 1 Pod waiting for a node'
  assert_line --regexp '^  Unschedulable: 0/[0-9]+ nodes are available: .*Insufficient cpu'
  assert_line --regexp '^  it requests .*cpu 1(k|000)'
}

@test "explain-job names the Secret that is missing, and prints no environment" {
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

@test "explain-job of a suspended Job says that it waits" {
  wait_for_condition Suspended suspended
  explain suspended
  assert_equal "${lines[0]}" 'Job suspended is suspended: it waits to be resumed'
}

# bats test_tags=needs:pod-security
@test "explain-job names the rule of Pod Security that keeps the Pods from being made" {
  kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted
  create_job insecure 'true'
  wait_until event insecure FailedCreate 'violates PodSecurity'
  explain insecure
  assert_line 'Job insecure is not finished: it has no Pods'
  assert_line --regexp '^  event FailedCreate, .*violates PodSecurity "restricted:latest"'
}

#!/usr/bin/env bats
# Problems of a Job's Pods that heal: follow-job logs them and continues.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown() { end_children; }

teardown_file() { delete_namespace; }

# Starts follow-job of a Job and waits until it has logged TEXT.
follow_until() { # JOB TEXT -> follower
  start_until "$2" follow-job --job "$1"
}

start_until() { # TEXT SCRIPT ARGUMENT... -> follower
  bash "$REPOSITORY/scripts/$2" "${@:3}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  follower=$!
  wait_until grep --quiet "$1" "$BATS_TEST_TMPDIR/err"
}

assert_completes() { # JOB
  wait_for "$follower"
  assert_equal "$status" 0
  assert_equal "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" "follow-job: Job $1 is complete"
}

pod_of() { # JOB
  kubectl get pods --selector "job-name=$1" --output 'jsonpath={.items[0].metadata.name}'
}

# Prints the spec of a Job whose Pod mounts a volume at /volume; VOLUME is JSON.
volume_spec() { # SHELL-COMMAND VOLUME
  job_spec "$("$GKE_JOB_PYTHON" -c '
import json, sys
command, volume = sys.argv[1], json.loads(sys.argv[2])
main = {"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "volume", "mountPath": "/volume"}]}
print(json.dumps({"containers": [main], "volumes": [{"name": "volume", **volume}]}))' "$@")"
}

create_job_with_volume() { # NAME SHELL-COMMAND VOLUME
  kubectl create --filename - >/dev/null <<END_OF_JOB
{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "$1"}, "spec": $(volume_spec "$2" "$3")}
END_OF_JOB
}

@test "an image that becomes available within --start-timeout: follow-job waits for the Job" {
  create_job wrong-image 'true' '{}' '{"image": "private.example/model:1"}'
  follow_until wrong-image 'is unable to start on .*: \(ErrImagePull\|ImagePullBackOff\)'
  kubectl patch pod "$(pod_of wrong-image)" --patch '{"spec": {"containers": [{"name": "main", "image": "busybox:1.37"}]}}'
  assert_completes wrong-image
}

@test "a ConfigMap that is created within --start-timeout: follow-job waits for the Job" {
  create_job late 'true' '{}' '{"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}]}'
  follow_until late 'is unable to start on .*: CreateContainerConfigError'
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}, "data": {"a": "b"}}'
  assert_completes late
}

@test "a Secret of a volume that is created within --start-timeout: follow-job waits for the Job" {
  create_job_with_volume late-secret 'grep hush /volume/token' '{"secret": {"secretName": "late-secret"}}'
  follow_until late-secret \
    'is unable to start on .*: FailedMount: MountVolume.SetUp failed for volume "volume" : secret "late-secret" not found; create the secret'
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late-secret"}, "data": {"token": "aHVzaA=="}}'
  assert_completes late-secret
}

@test "a ConfigMap of a volume is missing for --start-timeout: 78, with advice, and the Job is deleted" {
  run_script run-job --template "$(job_template "$(volume_spec true '{"configMap": {"name": "never"}}')")" --name no-configmap \
    --start-timeout 1
  assert_failure 78
  assert_regex "$stderr" 'Job no-configmap will never start: for 1 s Pod .* is unable to start on .*: FailedMount: .*configmap "never" not found'
  assert_regex "$stderr" $'\nadvice: create the configmap never in the Job\'s namespace'
  assert no_job no-configmap
}

@test "poll-job --start-timeout: 78 for a missing Secret of a volume" {
  create_job_with_volume polled-volume true '{"secret": {"secretName": "never"}}'
  local pod
  wait_until pod_of polled-volume
  pod=$(pod_of polled-volume)
  wait_until event "$pod" FailedMount 'MountVolume.SetUp failed for volume "volume" : secret "never" not found'
  run_script poll-job --job polled-volume --start-timeout 1
  assert_failure 78
  assert_regex "$stderr" "Job polled-volume will never start: for 1 s Pod $pod is unable to start on .*: FailedMount"
}

@test "run-job --once: 78 for a missing Secret of a volume after --waited-to-start, the Job is deleted" {
  create_job_with_volume checked-volume true '{"secret": {"secretName": "never"}}'
  local pod uid
  uid=$(field checked-volume '{.metadata.uid}')
  wait_until pod_of checked-volume
  pod=$(pod_of checked-volume)
  wait_until event "$pod" FailedMount 'MountVolume.SetUp failed for volume "volume" : secret "never" not found'
  run_script run-job --job checked-volume --uid "$uid" --once --start-timeout 60 --waited-to-start 30
  assert_failure 75
  assert_regex "$stderr" "Pods: 1 unable to start; Pod $pod is unable to start on .*: FailedMount: .*secret \"never\" not found"
  run_script run-job --job checked-volume --uid "$uid" --once --start-timeout 60 --waited-to-start 60
  assert_failure 78
  assert_regex "$stderr" "Job checked-volume will never start: for 60 s Pod $pod is unable to start on .*: FailedMount"
  assert no_job checked-volume
}

# bats test_tags=needs:claims
@test "a PersistentVolumeClaim is missing for --start-timeout: 78, with advice" {
  create_job_with_volume no-claim true '{"persistentVolumeClaim": {"claimName": "never"}}'
  run_script follow-job --job no-claim --start-timeout 1
  assert_failure 78
  assert_regex "$stderr" 'Job no-claim will never start: for 1 s Pod .* is unable to start: persistentvolumeclaim "never" not found'
  assert_regex "$stderr" $'\nadvice: create the persistentvolumeclaim never in the Job\'s namespace'
}

@test "poll-job --start-timeout waits for a Pod that cannot start until it starts, at most that long" {
  local reason='{.items[0].status.containerStatuses[0].state.waiting.reason}'
  create_job polled 'sleep 60' '{}' '{"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "polled", "key": "a"}}}]}'
  wait_until sh -c "kubectl get pods --selector job-name=polled --output jsonpath='$reason' | grep CreateContainerConfigError"
  run_script poll-job --job polled --start-timeout 1
  assert_failure 78
  assert_regex "$stderr" 'Job polled will never start: for 1 s Pod .* is unable to start on .*: CreateContainerConfigError'

  start_until 'is unable to start on .*: CreateContainerConfigError' poll-job --job polled --start-timeout 60
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "polled"}, "data": {"a": "b"}}'
  wait_for "$follower"
  assert_equal "$status" 75
}

@test "a Pod that a user deletes is replaced, and follow-job waits for its replacement" {
  # shellcheck disable=SC2016 # for the shell of the container
  create_job robbed '[ "$SECOND" ] || { trap "exit 1" TERM; sleep 60 & wait; }' '{"backoffLimit": 1}' \
    '{"env": [{"name": "SECOND", "valueFrom": {"configMapKeyRef": {"name": "robbed", "key": "second", "optional": true}}}]}'
  follow_until robbed 'is running on'
  local first
  first=$(pod_of robbed)
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "robbed"}, "data": {"second": "yes"}}'
  kubectl delete pod "$first"
  assert_completes robbed
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Pod $first is removed"
}

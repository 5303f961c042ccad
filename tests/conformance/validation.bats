#!/usr/bin/env bats
# Objects that the API refuses, its messages, and the exit codes of the scripts.

setup_file() {
  load test_helper
  use_generated_namespace
  create_job taken 'trap exit TERM; sleep 60 & wait'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

# Writes a Job as a template without values; SPEC and POD-SPEC are JSON that overrides those of the Job.
template() { # SPEC POD-SPEC
  "$GKE_JOB_PYTHON" -c '
import json, sys
spec, pod = map(json.loads, sys.argv[1:])
main = {"name": "main", "image": "busybox:1.37", "command": ["true"]}
pod = {"restartPolicy": "Never", "containers": [main], **pod}
print(json.dumps({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": pod}, **spec}}))
' "$1" "${2:-{\}}" >"$BATS_TEST_TMPDIR/job.yaml.j2"
}

assert_refused() { # SPEC POD-SPEC REGEXP
  template "$1" "$2"
  run_script submit-job --template "$BATS_TEST_TMPDIR/job.yaml.j2" --name refused
  assert_one_error 65 "cannot create Job refused: the manifest was refused: .*$3"
}

@test "an unknown field is refused, with its path: 65" {
  assert_refused '{"backofLimit": 2}' '{}' 'strict decoding error: unknown field "spec.backofLimit"'
}

@test "a value of the wrong type is refused: 65" {
  assert_refused '{"backoffLimit": "two"}' '{}' \
    'cannot unmarshal string into Go struct field JobSpec.spec.backoffLimit of type int32'
}

@test "values out of range are refused together in one message: 65" {
  assert_refused '{"backoffLimit": -1, "parallelism": -2}' '{}' \
    '\* spec.parallelism: Invalid value: -2: must be greater than or equal to 0.*\* spec.backoffLimit: Invalid value: -1: must be'
}

@test "a restart policy that Jobs cannot have is refused: 65" {
  assert_refused '{}' '{"restartPolicy": "Always"}' \
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
}

@test "an Indexed Job without completions is refused: 65" {
  assert_refused '{"completionMode": "Indexed", "parallelism": 2}' '{}' \
    'spec.completions: Required value: when completion mode is Indexed'
}

@test "the API server also refuses a mount of a missing volume" {
  template '{}' '{"containers": [{"name": "main", "image": "busybox:1.37",
    "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}'
  sed 's/"kind": "Job"/&, "metadata": {"name": "refused"}/' "$BATS_TEST_TMPDIR/job.yaml.j2" >"$BATS_TEST_TMPDIR/job.json"
  run kubectl create --filename "$BATS_TEST_TMPDIR/job.json"
  assert_failure
  assert_output --partial 'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'
}

# Submits a Job of the template lines.yaml.j2. REGEXP matches the message of Kubernetes; LINE is the line of FIELD.
assert_refused_in_line() { # VALUES REGEXP FIELD LINE
  cat >"$BATS_TEST_TMPDIR/lines.yaml.j2" <<'END'
apiVersion: batch/v1
kind: Job
spec:
  backoffLimit: {{ values.retries | default(1) }}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: busybox:1.37
          {{ values.field | default("command") }}: [ls]
END
  GKE_JOB_VALUES=$1 run_script submit-job --template "$BATS_TEST_TMPDIR/lines.yaml.j2" --name refused --validate server --dry-run
  assert_one_error 65 "$2.*; correct the template or its values: $3 is in lines.yaml.j2 line $4\$"
}

@test "an error ends with the line of the template that sets the field" {
  local main='spec.template.spec.containers\[0\]'
  assert_refused_in_line '{"retries": -1}' 'spec.backoffLimit: Invalid value: -1' spec.backoffLimit 4
  assert_refused_in_line '{"retries": "x"}' 'cannot unmarshal string into Go struct field' spec.backoffLimit 4
  assert_refused_in_line '{"field": "comand"}' 'unknown field "spec' "$main.comand" 11
}

@test "the template of a Job cannot be changed" {
  run kubectl patch job taken --type merge --patch '{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 9}}}}'
  assert_failure 1
  assert_output --partial 'The Job "taken" is invalid: spec.template: Invalid value: '
  assert_output --partial 'field is immutable'
}

@test "an existing name: AlreadyExists" {
  run create_job taken 'true'
  assert_failure 1
  assert_output 'Error from server (AlreadyExists): error when creating "STDIN": jobs.batch "taken" already exists'
}

@test "a missing Job: 78" {
  run_script follow-job --job never-was
  assert_one_error 78 'jobs.batch "never-was" not found in namespace .*; see'
}

@test "a missing namespace: 78" {
  template '{}'
  run_script submit-job --template "$BATS_TEST_TMPDIR/job.yaml.j2" --namespace gke-job-conformance-nowhere
  assert_one_error 78 'namespace gke-job-conformance-nowhere does not exist on this cluster'
}

@test "an invalid token: 77" {
  use_token worthless
  template '{}'
  run_script submit-job --template "$BATS_TEST_TMPDIR/job.yaml.j2" --context token
  assert_failure 77
  assert_regex "${stderr_lines[-1]}" 'cannot create Job .*: not logged in: .*(You must be logged in|has asked for the client to provide credentials)'
  run_script follow-job --job taken --context token
  assert_one_error 77 'cannot watch Job taken: not logged in: .*has asked for the client to provide credentials'
}

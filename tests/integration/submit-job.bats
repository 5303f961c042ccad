#!/usr/bin/env bats
# shellcheck disable=SC2153,SC2154 # NAMESPACE and cluster are set by functions of test_helper
setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

submit() { # SHELL-COMMAND [OPTION...]
  run_script submit-job --template batch-job --values "$(values_file "$1")" "${@:2}"
}

@test "creates the Job and prints its name, namespace and uid" {
  submit 'sleep 60'
  assert_success
  submitted
  assert_equal "$namespace" "$NAMESPACE"
  assert_equal "$(kubectl get job "$job" --output 'jsonpath={.metadata.uid}')" "$uid"
}

@test "the Job has labels and annotations of its task instance" {
  as_task 'my dag' 'train.it' 'manual__2026-11-23T00:00:00+00:00' 3 7
  submit 'sleep 60'
  assert_success
  submitted
  run kubectl get job "$job" --output 'jsonpath={.metadata.annotations}'
  assert_output --partial '"gke-job/dag-id":"my dag"'
  assert_output --partial '"gke-job/task-id":"train.it"'
  assert_output --partial '"gke-job/run-id":"manual__2026-11-23T00:00:00+00:00"'
  assert_output --partial '"gke-job/map-index":"7"'
}

@test "--set overrides values of the file" {
  submit 'sleep 60' --set env.A=-b=c --set env.B='"x" y' --set=ttl_seconds:=7
  assert_success
  submitted
  run kubectl get job "$job" --output \
    'jsonpath={.spec.template.spec.containers[0].env} {.spec.ttlSecondsAfterFinished}'
  assert_output '[{"name":"A","value":"-b=c"},{"name":"B","value":"\"x\" y"}] 7'
  submit 'sleep 60' --set
  assert_one_error 64 'option --set has no value'
}

@test "an invalid --on-change is a usage error: 64" {
  submit 'true' --on-change ignore
  assert_one_error 64 "option --on-change is 'ignore': it must be one of fail, attach, replace"
}

# Writes two profiles; the second is larger.
team_profiles() { # -> profiles
  profiles=(--profiles "$BATS_TEST_TMPDIR/team.yaml")
  printf '%s\n' 'profiles:' '  small: {resources: {limits: {memory: 16Mi}}, next: large}' \
    '  large: {resources: {limits: {memory: 64Mi}}}' 'sizes: {rows: [{at_most: 5, profile: small}, {profile: large}]}' \
    >"$BATS_TEST_TMPDIR/team.yaml"
}

profile_of_job() {
  kubectl get job "$job" --output 'jsonpath={.metadata.annotations.gke-job/profile}'
}

@test "the Job has an annotation with its profile, selected by name or by size" {
  team_profiles
  submit 'sleep 60' "${profiles[@]}" --profile small
  submitted
  assert_equal "$(profile_of_job)" small
  GKE_JOB_MAP_INDEX=1 submit 'sleep 60' "${profiles[@]}" --profile-for rows=6
  submitted
  assert_equal "$(profile_of_job)" large
}

@test "--escalate attaches to a running Job with the larger profile of an earlier attempt" {
  team_profiles
  submit 'sleep 60' "${profiles[@]}" --profile large
  local first=$output
  AIRFLOW_CTX_TRY_NUMBER=3 submit 'sleep 60' "${profiles[@]}" --profile small
  assert_one_error 65 'is still running, from another manifest'
  AIRFLOW_CTX_TRY_NUMBER=3 submit 'sleep 60' "${profiles[@]}" --profile small --escalate
  assert_success
  assert_equal "$output" "$first"
  assert_regex "$stderr" 'the last attempt had profile large: keeping the profile.*attaching to Job .*: it is still running'
}

@test "--escalate keeps the profile of an attempt that failed for another reason" {
  team_profiles
  submit 'false' "${profiles[@]}" --profile large
  submitted
  wait_for_condition Failed "$job"
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'false' "${profiles[@]}" --profile small --escalate
  assert_success
  submitted
  assert_equal "$(profile_of_job)" large
  assert_regex "$stderr" 'the last attempt had profile large: keeping the profile'
}

@test "--escalate reports that the Job of the last attempt is deleted" {
  team_profiles
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'sleep 60' "${profiles[@]}" --profile small --escalate
  assert_success
  submitted
  assert_equal "$(profile_of_job)" small
  assert_regex "$stderr" 'the Job of the last attempt no longer exists: starting with profile small'
}

@test "--escalate and --fallback without a profile are usage errors: 64" {
  submit 'true' --escalate
  assert_one_error 64 'escalate requires a profile: give --profile or --profile-for'
  submit 'true' --fallback
  assert_one_error 64 'fallback requires a profile: give --profile or --profile-for'
}

@test "values on standard input are used for every manifest of the run" {
  team_profiles
  submit 'sleep 60' "${profiles[@]}" --profile large
  local first=$output
  run --separate-stderr bash "$REPOSITORY/scripts/submit-job" --template batch-job --values - "${profiles[@]}" \
    --profile small --escalate <"$BATS_TEST_TMPDIR/values.json"
  assert_success
  assert_equal "$output" "$first"
}

@test "values of a pipe are used for every manifest of the run, also with --dry-run" {
  local values
  values=$(cat "$(values_file 'true')")
  for file in - /dev/stdin; do
    run --separate-stderr bash "$REPOSITORY/scripts/submit-job" --template batch-job --values "$file" --name piped --dry-run \
      < <(printf '%s' "$values")
    assert_success
    assert_output --partial 'name: "piped"'
  done
  run --separate-stderr bash "$REPOSITORY/scripts/submit-job" --template batch-job --values <(printf '%s' "$values") --name piped --dry-run
  assert_success
  run --separate-stderr bash "$REPOSITORY/scripts/submit-job" --template batch-job --values /dev/stdin < <(printf '[]')
  assert_one_error 65 'standard input: values are not a JSON object; give'
}

@test "the error of the cluster is printed with the line of the template" {
  printf '%s\n' 'apiVersion: batch/v1' 'kind: Job' 'spec:' '  backoffLimit: {{ values.retries }}' '  template:' \
    '    spec: {restartPolicy: Never, containers: [{name: main, image: busybox:1.37}]}' >"$BATS_TEST_TMPDIR/mine.yaml.j2"
  GKE_JOB_VALUES='{"retries": -1}' run_script submit-job --template "$BATS_TEST_TMPDIR/mine.yaml.j2"
  assert_one_error 65 'spec.backoffLimit: Invalid value: -1: .*values: spec.backoffLimit is in mine.yaml.j2 line 4$'
}

@test "--validate server validates on the cluster, also with --dry-run, and creates no refused object" {
  submit 'true' --validate server --dry-run
  assert_success
  assert_line --partial 'kind: "Job"'
  printf '{"image": "busybox:1.37", "pod": {"containers": [{"name": "other"}]}}' >"$BATS_TEST_TMPDIR/bad.json"
  run_script submit-job --template batch-job --values "$BATS_TEST_TMPDIR/bad.json" --validate server --dry-run
  assert_one_error 65 'containers\[1\].image: Required value.*\.containers\[1\].image is in values.pod.containers, _macros.yaml.j2 line [0-9]+$'
}

@test "--validate server accepts a Job with an existing name" {
  submit 'sleep 60'
  local first=$output
  submit 'sleep 60' --validate server
  assert_success
  assert_equal "$output" "$first"
}

@test "an invalid --validate is a usage error: 64" {
  submit 'true' --validate client
  assert_one_error 64 "option --validate is 'client': it must be one of off, server, offline"
}

@test "--dry-run prints a manifest that kubectl accepts, and creates nothing" {
  submit 'true' --dry-run
  assert_success
  assert_regex "$stderr" 'would run: kubectl create --filename -'
  printf '%s' "$output" >"$BATS_TEST_TMPDIR/manifest.yaml"
  run kubectl create --dry-run=server --output name --filename "$BATS_TEST_TMPDIR/manifest.yaml"
  assert_success
  run kubectl get --filename "$BATS_TEST_TMPDIR/manifest.yaml"
  assert_failure
}

@test "uses the cluster of --project, --location and --cluster without HOME" {
  cluster_options
  local values
  values=$(values_file 'sleep 60')
  unset KUBECONFIG HOME
  run_script submit-job --template batch-job --values "$values" "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  submitted
  assert_equal "$namespace" "$NAMESPACE"
}

@test "leaves no private directory" {
  export TMPDIR=$BATS_TEST_TMPDIR/private
  mkdir "$TMPDIR"
  cluster_options
  submit 'sleep 60' "${cluster[@]}"
  assert_success
  assert_equal "$(ls -A "$TMPDIR")" ''
}

@test "a missing namespace is missing configuration: 78" {
  submit 'true' --namespace nowhere
  assert_one_error 78 'namespace nowhere does not exist on this cluster'
}

@test "a caller who may not create Jobs is denied, with the verb: 77" {
  kubectl config set-credentials viewer --token viewer-token >/dev/null
  kubectl config set-context viewer --cluster localgke --user viewer --namespace "$NAMESPACE" >/dev/null
  submit 'true' --context viewer
  assert_one_error 77 'cannot create resource "jobs"'
}

@test "a caller whose token is not valid is not logged in: 77" {
  kubectl config set-credentials nobody --token worthless >/dev/null
  kubectl config set-context nobody --cluster localgke --user nobody >/dev/null
  submit 'true' --context nobody
  assert_equal "$status" 77
  assert_regex "${stderr_lines[-1]}" 'not logged in' # after retries, because the error may be temporary
}

@test "the error for a missing template names it and the known ones: 66" {
  run_script submit-job --template bach-job
  assert_one_error 66 'bach-job.*batch-job'
}

@test "an unknown field is refused with its path: 65" {
  cat >"$BATS_TEST_TMPDIR/job.yaml" <<'END'
apiVersion: batch/v1
kind: Job
spec:
  backofLimit: 2
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: ["true"]}]}}
END
  run_script submit-job --template "$BATS_TEST_TMPDIR/job.yaml"
  assert_one_error 65 'unknown field "spec.backofLimit"'
}

@test "a missing context is a usage error: 64" {
  submit 'true' --context nope
  assert_one_error 64 'context .*nope.*kubectl config get-contexts'
}

@test "--context together with --cluster is a usage error: 64" {
  cluster_options
  submit 'true' "${cluster[@]}" --context localgke
  assert_one_error 64 'both name a cluster'
}

@test "without a cluster the error describes how to name one: 64" {
  KUBECONFIG=/dev/null submit 'true'
  assert_one_error 64 'no cluster is named'
}

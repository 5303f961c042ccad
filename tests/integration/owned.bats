#!/usr/bin/env bats
# Objects that a Job owns: a manifest of several documents, submitted together.
# shellcheck disable=SC2153,SC2154 # NAMESPACE, job, namespace and uid are set by functions of test_helper
setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
  cat >"$BATS_TEST_TMPDIR/job.yaml.j2" <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ job.name }}-files"}
data: {greeting: hello}
---
apiVersion: v1
kind: Service
spec: {clusterIP: None, selector: {batch.kubernetes.io/job-name: "{{ job.name }}"}}
---
apiVersion: batch/v1
kind: Job
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
        - {name: main, image: "busybox:1.37", command: [sh, -c, "{{ values.command }}"],
           volumeMounts: [{name: files, mountPath: /files}]}
      volumes: [{name: files, configMap: {name: "{{ job.name }}-files"}}]
END
}

submit() { # SHELL-COMMAND [OPTION...]
  printf '{"command": "%s"}' "$1" >"$BATS_TEST_TMPDIR/values.json"
  run_script submit-job --template "$BATS_TEST_TMPDIR/job.yaml.j2" --values "$BATS_TEST_TMPDIR/values.json" "${@:2}"
}

owners() { # prints the uid of the owner of each object that the Job owns
  kubectl get configmap "$job-files" --output 'jsonpath={.metadata.ownerReferences[*].uid}{"\n"}'
  kubectl get service "$job" --output 'jsonpath={.metadata.ownerReferences[*].uid}{"\n"}'
}

@test "the Job owns all objects of its manifest, which are deleted with it" {
  submit 'sleep 60'
  assert_success
  submitted
  assert_equal "$(owners)" "$uid"$'\n'"$uid"
  run kubectl get "configmap/$job-files" --output 'jsonpath={.data.greeting} {.metadata.labels.gke-job/identity}'
  assert_output "hello $(kubectl get job "$job" --output 'jsonpath={.metadata.labels.gke-job/identity}')"
  run_script delete-job --job "$job"
  assert_success
  wait_until gone "configmap/$job-files" "service/$job"
}

@test "the Pods of the Job use the owned objects" {
  submit 'cat /files/greeting >/dev/termination-log'
  submitted
  run_script follow-job --job "$job"
  assert_success
  run_script collect-job --job "$job"
  assert_output '"hello"'
}

@test "a submit that attaches creates the objects that an interrupted submit did not create" {
  submit 'sleep 60'
  local first=$output
  submitted
  kubectl delete configmap "$job-files" >/dev/null
  submit 'sleep 60'
  assert_success
  assert_equal "$output" "$first"
  assert_equal "$(owners)" "$uid"$'\n'"$uid"
}

@test "concurrent submits end with one Job, which owns one of each object" {
  printf '{"command": "sleep 60"}' >"$BATS_TEST_TMPDIR/values.json"
  submit_three_times --template "$BATS_TEST_TMPDIR/job.yaml.j2" --values "$BATS_TEST_TMPDIR/values.json"
  output=$(<"$BATS_TEST_TMPDIR/out.1")
  submitted
  assert_equal "$(owners)" "$uid"$'\n'"$uid"
}

@test "objects of the old Job are replaced by those of the next one" {
  submit 'false'
  submitted
  local first=$uid
  wait_for_condition Failed "$job"
  # A finalizer simulates a slow garbage collector.
  kubectl patch configmap "$job-files" --type merge --patch '{"metadata": {"finalizers": ["test/hold"]}}'
  bash "$REPOSITORY/scripts/submit-job" --template "$BATS_TEST_TMPDIR/job.yaml.j2" \
    --values "$BATS_TEST_TMPDIR/values.json" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep --quiet "ConfigMap/$job-files still belongs to the previous Job" "$BATS_TEST_TMPDIR/err"
  kubectl patch configmap "$job-files" --type merge --patch '{"metadata": {"finalizers": []}}'
  wait_for $!
  assert_equal "$status" 0
  output=$(<"$BATS_TEST_TMPDIR/out")
  submitted
  assert_not_equal "$uid" "$first"
  assert_equal "$(owners)" "$uid"$'\n'"$uid"
}

@test "run-job deletes its Job if an object of the previous one is not removed within --timeout: 124" {
  submit 'false'
  submitted
  wait_for_condition Failed "$job"
  kubectl patch configmap "$job-files" --type merge --patch '{"metadata": {"finalizers": ["test/hold"]}}'
  run_script run-job --template "$BATS_TEST_TMPDIR/job.yaml.j2" --values "$BATS_TEST_TMPDIR/values.json" --timeout 5
  assert_failure 124
  assert_regex "$stderr" "ConfigMap/$job-files still belongs to the previous Job after [0-9]+ s"
  assert_regex "$stderr" "its timeout has expired; Job $job in namespace $NAMESPACE is deleted"
  wait_until gone "job/$job"
  kubectl patch configmap "$job-files" --type merge --patch '{"metadata": {"finalizers": []}}'
}

@test "a submit whose Job is replaced while it waits leaves the objects to the next submit" {
  submit 'sleep 60'
  submitted
  kubectl patch configmap "$job-files" --type merge \
    --patch '{"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": "other", "uid": "other"}], "finalizers": ["test/hold"]}}'
  bash "$REPOSITORY/scripts/submit-job" --template "$BATS_TEST_TMPDIR/job.yaml.j2" \
    --values "$BATS_TEST_TMPDIR/values.json" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep --quiet 'still belongs to the previous Job' "$BATS_TEST_TMPDIR/err"
  kubectl delete job "$job" >/dev/null
  wait_for $!
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" "$job $namespace $uid"
}

@test "existing objects without a Job of this task are never changed, and no Job is created: 65" {
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine-files"}}'
  submit 'sleep 60' --name mine
  assert_one_error 65 'ConfigMap/mine-files exists and does not belong to a Job of this task: delete it, or give another --name'
  assert gone job/mine
}

@test "objects that Kubernetes refuses are refused before the Job is created: 65" {
  sed -i 's/data: {greeting: hello}/daten: {greeting: hello}/' "$BATS_TEST_TMPDIR/job.yaml.j2"
  submit 'sleep 60' --name refused
  assert_one_error 65 'cannot create ConfigMap/refused-files: the manifest was refused: .*unknown field "daten"'
  assert gone job/refused
}

@test "--dry-run prints all objects, the Job first" {
  submit 'true' --name shown --dry-run
  assert_success
  run grep '^kind' <<<"$output"
  assert_output $'kind: "Job"\nkind: "ConfigMap"\nkind: "Service"'
}

@test "changed content of an owned object is a changed manifest" {
  submit 'sleep 60' --name changed
  sed -i 's/hello/good bye/' "$BATS_TEST_TMPDIR/job.yaml.j2"
  submit 'sleep 60' --name changed
  assert_one_error 65 'Job changed is still running, from another manifest'
}

@test "S5: the wait for objects of an old Job is limited: 124, and no Job is left" {
  submit 'sleep 60' --name stays --dry-run
  local identity
  identity=$(sed -n 's/.*gke-job.identity: "\(.*\)"/\1/p' <<<"$output" | head -n 1)
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stays-files",
    "labels": {"gke-job/identity": "'"$identity"'"}, "finalizers": ["test/hold"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": "stays", "uid": "former"}]}}'
  submit 'sleep 60' --name stays --timeout 4
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" 'ConfigMap/stays-files still belongs to the previous Job after [0-9]+ s'
  wait_until gone job/stays
  kubectl patch configmap stays-files --type merge --patch '{"metadata": {"finalizers": []}}'
}

@test "S5: an object of our Job with changed content is not used: 65" {
  submit 'sleep 60' --name content
  kubectl patch configmap content-files --type merge --patch '{"data": {"greeting": "bad bye"}}'
  submit 'sleep 60' --name content
  assert_failure 65
  assert_regex "${stderr_lines[-1]}" 'ConfigMap/content-files exists with a content that differs from the manifest'
  run_script run-job --template "$BATS_TEST_TMPDIR/job.yaml.j2" --values "$BATS_TEST_TMPDIR/values.json" --name content
  assert_failure 65
  assert_regex "${stderr_lines[-1]}" 'the objects of Job content .* remove it with: delete-job --namespace .* --job content$'
}

#!/usr/bin/env bats
# bats file_tags=needs:admission,needs:pod-security,needs:rbac,needs:impersonation
# templates/access: runs the kubectl commands of its page; then the worker's account runs Jobs in the team's namespace.
# shellcheck disable=SC2030,SC2031 # each test is a subshell

setup_file() {
  load test_helper
  use_generated_namespace
  NAMESPACE+=-team # the page creates it
  export WORKER=composer-worker@ml-airflow.iam.gserviceaccount.com JOBS=gke-job-churn@ml-clusters.iam.gserviceaccount.com
  page_commands >"$BATS_FILE_TMPDIR/page"
  grep --invert-match '^kubectl auth' "$BATS_FILE_TMPDIR/page" | bash -o errexit -o pipefail >/dev/null
  kubectl label namespace "$NAMESPACE" "gke-job/conformance=$CONFORMANCE_RUN" >/dev/null
  kubectl config set-context --current --namespace "$NAMESPACE" >/dev/null
  wait_until quota_counts gke-job
  wait_until kubectl auth can-i --quiet create jobs.batch --as "$WORKER" # the API server reads new Roles with a delay
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() {
  kubectl delete clusterrole/gke-job-check "clusterrolebinding/gke-job-check-$NAMESPACE" >/dev/null
  delete_namespace
  NAMESPACE=${NAMESPACE%-team} delete_namespace
}

# Prints the kubectl commands of the page as a script.
page_commands() {
  "$GKE_JOB_PYTHON" - "$REPOSITORY" <<'END_OF_PROGRAM'
import re, shlex, sys
from pathlib import Path
repository = Path(sys.argv[1])
page = (repository / "templates/access/README.md").read_text()
blocks = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
commands = [command for block in blocks for command in re.split(r"^\$ ", block, flags=re.MULTILINE)]
print("cd", shlex.quote(str(repository)))
print("".join(one for one in commands if re.search(r"^(sed|kubectl) ", one)))
END_OF_PROGRAM
}

# Makes this test the worker, the user in worker.yaml.
become_worker() {
  local user
  copy_kubeconfig
  user=$(kubectl config view --minify --output 'jsonpath={.contexts[0].context.user}')
  kubectl config set "users.$user.act-as" "$WORKER" >/dev/null
}

assert_may() { # yes|no ARGUMENT...
  run --separate-stderr kubectl auth can-i "${@:2}" --as "$WORKER"
  assert_equal "${*:2}: $output" "${*:2}: $1"
}

@test "the commands of the page apply every file without an error" {
  local object
  for object in quota/gke-job limitrange/gke-job serviceaccount/gke-job role/gke-job rolebinding/gke-job \
    role/gke-job-check rolebinding/gke-job-check clusterrole/gke-job-check "clusterrolebinding/gke-job-check-$NAMESPACE"; do
    assert kubectl get "$object"
  done
  assert_equal "$(kubectl get serviceaccount gke-job --output 'jsonpath={.metadata.annotations.iam\.gke\.io/gcp-service-account}')" "$JOBS"
  assert_equal "$(kubectl get namespace "$NAMESPACE" --output 'jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}')" restricted
}

@test "the checks at the end of the page answer yes and no" {
  run bash <(grep '^cd \|^kubectl auth' "$BATS_FILE_TMPDIR/page")
  assert_output $'yes\nno'
}

@test "the worker runs a Job from submission to result, and deletes one" {
  become_worker
  printf '{"image": "busybox:1.37", "command": ["sh", "-c", "echo 7 >/dev/termination-log"], "service_account": "gke-job"}' \
    >"$BATS_TEST_TMPDIR/values.json"
  run_script run-job --template batch-job --values "$BATS_TEST_TMPDIR/values.json" --name trained
  assert_success
  assert_output 7
  refute_regex "$stderr" 'orbidden|rror|Warning'
  assert [ "$(field trained '{.metadata.annotations.gke-job/collected}')" ]
  run_script delete-job --job trained
  assert_success
}

@test "the worker has only the permissions of its Role and of the preflight, in all namespaces" {
  assert_may yes create jobs.batch
  assert_may no create jobs.batch --namespace default
  assert_may no update jobs.batch
  assert_may no get secrets
  assert_may no create pods
  assert_may no create pods/exec
  assert_may no create serviceaccounts/token
  assert_may no get nodes/proxy
  assert_may no list namespaces
}

@test "the preflight may read the namespace, quotas, service accounts, the queue, and the cluster's nodes" {
  assert kubectl get namespace "$NAMESPACE" --as "$WORKER"
  refute kubectl get namespace default --as "$WORKER"
  assert kubectl get nodes --as "$WORKER"
  assert kubectl get resourcequotas,limitranges --as "$WORKER"
  assert kubectl get serviceaccount gke-job --as "$WORKER"
  # kubectl auth can-i knows only resources that the cluster has.
  run kubectl create --validate=false --as "$WORKER" --output 'jsonpath={.status.allowed}' --filename - <<END
{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes":
 {"namespace": "$NAMESPACE", "verb": "get", "group": "kueue.x-k8s.io", "resource": "localqueues"}}}
END
  assert_output true
  assert_may no delete nodes
}

@test "a Pod of each profile and each template is admitted with the resources of its profile" {
  export PYTHONPATH=$REPOSITORY/scripts/lib:$PYTHONPATH
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/pods.py" >"$BATS_TEST_TMPDIR/pods.json"
  kubectl create --dry-run=server --output json --filename "$BATS_TEST_TMPDIR/pods.json" \
    >"$BATS_TEST_TMPDIR/admitted.json" 2>"$BATS_TEST_TMPDIR/warnings"
  assert_equal "$(<"$BATS_TEST_TMPDIR/warnings")" ''
  run "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/pods.py" --compare <"$BATS_TEST_TMPDIR/admitted.json"
  assert_success
}

# Creates a Pod that meets `restricted`, with additional fields of its container and of its spec as JSON.
create_pod() { # CONTAINER [SPEC]
  "$GKE_JOB_PYTHON" -c '
import json, sys
more, spec = map(json.loads, sys.argv[1:])
security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
main = {"name": "main", "image": "busybox:1.37", "securityContext": security, **more}
security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
print(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
                  "spec": {"securityContext": security, "containers": [main], **spec}}))' "$1" "${2:-{\}}" |
    kubectl create --dry-run=server --output 'jsonpath={.spec.containers[0].resources}' --filename -
}

@test "a container without requests gets the default requests and no limit; others keep theirs" {
  run create_pod '{}'
  assert_output '{"requests":{"cpu":"100m","memory":"256Mi"}}'
  run create_pod '{"resources": {"requests": {"cpu": "1", "memory": "4Gi"}}}'
  assert_output '{"requests":{"cpu":"1","memory":"4Gi"}}'
}

@test "Pods beyond the quota or the Pod Security level, and Services reachable from outside, are refused" {
  run create_pod '{"resources": {"limits": {"nvidia.com/gpu": "9"}}}'
  assert_output --partial 'exceeded quota: gke-job'
  run create_pod '{}' '{"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}'
  assert_output --partial 'violates PodSecurity "restricted:latest"'
  run kubectl create service loadbalancer outside --tcp 80 --dry-run=server
  assert_output --partial 'exceeded quota: gke-job'
  run kubectl create service clusterip inside --clusterip None --dry-run=server
  assert_success
}

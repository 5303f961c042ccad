#!/usr/bin/env bats
# bats file_tags=needs:rbac,needs:admission,needs:pod-security
# check-setup: the cluster refuses what check-setup reports that a namespace refuses.

setup_file() {
  load test_helper
  use_generated_namespace '"pod-security.kubernetes.io/enforce": "restricted"'
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/roles.py" "$REPOSITORY/templates/role.yaml" "$NAMESPACE" |
    kubectl create --filename - >/dev/null
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

check() { # OPTION...
  run_script check-setup --namespace "$NAMESPACE" --profile cpu-small "$@"
}

create() { # KIND NAME SPEC
  kubectl create --filename - >/dev/null <<<"{\"apiVersion\": \"v1\", \"kind\": \"$1\", \"metadata\": {\"name\": \"$2\"}, \"spec\": $3}"
}

# Asserts that the cluster refuses a Pod with the resources of the profile cpu-small.
assert_refused() { # REGEX
  local resources='{"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}'
  local context='"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true, "runAsUser": 1'
  context+=', "seccompProfile": {"type": "RuntimeDefault"}'
  run kubectl create --dry-run=server --filename - <<<"$(printf '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
    "spec": {"containers": [{"name": "main", "image": "busybox:1.37", "resources": %s, "securityContext": {%s}}]}}' \
    "$resources" "$context")"
  assert_failure
  assert_output --regexp "$1"
}

@test "the shipped templates pass the Pod Security Standard, and the user name is reported" {
  check
  assert_success
  assert_line --regexp '^ok +user +the API server authenticates this account as '
  assert_line --regexp '^(ok|warning) +skew ' # kubectl is that of this machine
  assert_line --regexp '^ok +security +namespace .* enforces the Pod Security Standard restricted, which the Pods pass$'
  assert_line --regexp '^ok +quota +no quota$'
  refute_line --regexp '^[a-z]+ +priority ' # they name none
}

@test "with exactly the shipped Role no check fails, and unreadable objects are warnings" {
  act_as everything create
  check
  assert_success
  assert_line --regexp '^ok +rights +all 14 '
  assert_line --regexp '^ok +job '
  for name in security quota limits policy nodes; do
    assert_line --regexp "^warning +$name "
  done
}

@test "with the additional permissions of templates/access/check.yaml, every check has a result" {
  local user="system:serviceaccount:$NAMESPACE:everything"
  sed "s/COMPOSER-SERVICE-ACCOUNT@PROJECT.iam.gserviceaccount.com/$user/; s/^  name: gke-job-check\(-NAMESPACE\)\?$/  name: $NAMESPACE/" \
    "$REPOSITORY/templates/access/check.yaml" | kubectl create --filename - >/dev/null
  act_as everything create
  wait_until kubectl auth can-i --quiet list nodes
  check
  kubectl delete clusterrole,clusterrolebinding "$NAMESPACE" --kubeconfig "$BATS_FILE_TMPDIR/kubeconfig" >/dev/null
  assert_success
  refute_line --regexp '^(warning +([^s ]|s[^k])|failed )' # of all but skew: kubectl is that of this machine
  assert_line --regexp '^ok +nodes +cpu-small: '
}

@test "a missing ServiceAccount is a failure" {
  check --template batch-job --set image=busybox:1.37 --set service_account=everything
  assert_success
  assert_line --regexp '^ok +identity '
  check --template batch-job --set image=busybox:1.37 --set service_account=nobody
  assert_failure 1
  assert_line --regexp '^failed +identity .*has no ServiceAccount nobody'
}

@test "a missing PriorityClass fails the check, as it fails the Pods of the Job" {
  check --template batch-job --set image=busybox:1.37 --set priority_class=nosuch
  assert_failure 1
  assert_line --regexp '^failed +priority +the cluster has no PriorityClass nosuch: no Pod is created$'
  run kubectl create --dry-run=server --filename - <<<'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
    "spec": {"priorityClassName": "nosuch", "containers": [{"name": "main", "image": "busybox:1.37"}]}}'
  assert_failure
  assert_output --partial 'no PriorityClass with name nosuch was found'

  kubectl create priorityclass "$NAMESPACE" --value 1 >/dev/null
  check --template batch-job --set image=busybox:1.37 --set priority_class="$NAMESPACE"
  act_as everything create
  run kubectl auth can-i --quiet get priorityclasses
  assert_failure
  check --template batch-job --set image=busybox:1.37 --set priority_class="$NAMESPACE"
  kubectl delete priorityclass "$NAMESPACE" --kubeconfig "$BATS_FILE_TMPDIR/kubeconfig" >/dev/null
  assert_success
  assert_line --regexp '^warning +priority +cannot check whether the cluster has the PriorityClass '
}

@test "the defaults of a LimitRange are those that the API server sets" {
  local pod
  create LimitRange first '{"limits": [{"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "500m"}, "max": {"memory": "8Gi"}}]}'
  pod=$("$GKE_JOB_PYTHON" - <<<'
import json
context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True, "runAsUser": 1}
context["seccompProfile"] = {"type": "RuntimeDefault"}
def container(name, **resources):
    return {"name": name, "image": "busybox:1.37", "securityContext": context, "resources": resources}
spec = {"initContainers": [container("fetch", limits={"cpu": "1"})],
        "containers": [container("main"), container("side", requests={"cpu": "100m"}, limits={"memory": "1Gi"})]}
print(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": spec}))')
  kubectl create --dry-run=server --output json --filename - <<<"$pod" >"$BATS_TEST_TMPDIR/stored"
  kubectl get limitranges --output json >"$BATS_TEST_TMPDIR/ranges"
  kubectl delete limitrange first >/dev/null
  PYTHONPATH=$REPOSITORY/scripts/lib "$GKE_JOB_PYTHON" - "$pod" "$BATS_TEST_TMPDIR"/{stored,ranges} <<<'
import json, sys
from gke_jobs.preflight.pod_resources import containers, with_defaults
stored, ranges = (json.load(open(file)) for file in sys.argv[2:])
ours = with_defaults(json.loads(sys.argv[1])["spec"], ranges["items"])
assert [c["resources"] for c in containers(ours)] == [c["resources"] for c in containers(stored["spec"])], (ours, stored)'
}

@test "a missing verb is named" {
  act_as create-jobs get
  check
  assert_failure 1
  assert_line --regexp '^failed +rights +missing in namespace .*: create jobs$'
}

@test "a template that the Pod Security Standard refuses is a failure" {
  check --template batch-job --set image=busybox:1.37 --set 'pod:={"hostNetwork": true}'
  assert_failure 1
  assert_line --regexp '^failed +security .*hostNetwork'
}

@test "a quota that never admits the Pod, and one that requires limits, are warnings" {
  create ResourceQuota small '{"hard": {"requests.memory": "512Mi"}}'
  wait_until quota_counts small
  check
  assert_success
  assert_line --regexp '^warning +quota +quota small never admits cpu-small: more than .* of requests.memory$'
  assert_refused 'exceeded quota: small'
  kubectl delete resourcequota small >/dev/null

  create ResourceQuota cpus '{"hard": {"limits.cpu": "100"}}'
  wait_until quota_counts cpus
  check
  assert_line --regexp '^warning +quota +quota cpus never admits cpu-small: its container main must name limits.cpu$'
  assert_refused 'must specify limits.cpu'

  create LimitRange defaults '{"limits": [{"type": "Container", "default": {"cpu": "2"}}]}'
  check
  assert_line --regexp '^ok +quota '
  kubectl delete resourcequota/cpus limitrange/defaults >/dev/null
}

@test "a LimitRange that refuses the Pod is a warning" {
  create LimitRange tiny '{"limits": [{"type": "Container", "max": {"memory": "512Mi"}}]}'
  check
  assert_success
  assert_line --regexp '^warning +limits +LimitRange tiny refuses cpu-small: more memory than 512Mi'
  assert_refused 'maximum memory usage per Container is 512Mi'
  kubectl delete limitrange tiny >/dev/null
}

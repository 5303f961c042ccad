#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031 # each test is a subshell
# bats file_tags=needs:admission
# Admission that refuses a Job or its Pods: run-job waits for a quota, ends at a policy, and logs every reason for a wait.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown() {
  [[ $BATS_TEST_COMPLETED || ! -e $BATS_TEST_TMPDIR/err ]] || cat "$BATS_TEST_TMPDIR/err"
  end_children
  kubectl delete resourcequotas,limitranges --all >/dev/null
  if [[ -s $BATS_TEST_TMPDIR/webhook.json ]]; then
    kubectl delete --filename "$BATS_TEST_TMPDIR/webhook.json" >/dev/null
  fi
}

teardown_file() { delete_namespace; }

run_job() { # NAME [OPTION...]
  run_script run-job --template batch-job --values "$(values_file 'echo 7 >/dev/termination-log')" --name "$@"
}

# Starts run-job, and waits until it logs REGEXP.
start_job() { # NAME REGEXP [OPTION...] -> runner
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file 'echo 7 >/dev/termination-log')" \
    --name "$1" "${@:3}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep --quiet --extended-regexp "$2" "$BATS_TEST_TMPDIR/err"
}

# Creates a quota, and waits until its controller has counted the existing objects.
create_quota() { # NAME RESOURCE=NUMBER
  kubectl create quota "$1" --hard "$2"
  wait_until quota_counts "$1"
}

@test "V2: with an exhausted quota on Jobs, submit-job waits for the schedule timeout, then ends with 124" {
  create_quota no-jobs count/jobs.batch=0
  run_job quota-at-submit --schedule-timeout 5
  assert_failure 124
  assert_output ''
  assert_regex "$stderr" 'exceeded quota: no-jobs'
  refute_regex "$stderr" 'ask for a Role'
  assert no_job quota-at-submit
}

@test "V2: when a quota on Jobs is raised in time, the Job is created and runs" {
  create_quota no-jobs count/jobs.batch=0
  start_job quota-raised 'exceeded quota'
  kubectl delete quota no-jobs
  wait_for "$runner"
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" 7
}

@test "V2: with an exhausted quota on Jobs and no schedule timeout, --timeout ends the wait: 124" {
  create_quota no-jobs count/jobs.batch=0
  run_job quota-and-timeout --timeout 5
  assert_failure 124
  assert no_job quota-and-timeout
}

@test "V2: an exhausted quota on Pods is logged within seconds; 124 after the schedule timeout" {
  create_quota no-pods pods=0
  start_job quota-on-pods 'the Pods of Job .* cannot be created: .*exceeded quota: no-pods' --schedule-timeout 10 --start-timeout 2
  wait_for "$runner"
  assert_equal "$status" 124
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'Job quota-on-pods has no Pods, because a quota prevents their creation: --schedule-timeout has expired: .*exceeded quota: no-pods'
  wait_until no_job quota-on-pods
}

@test "V2: when a quota on Pods is raised in time, the Job runs" {
  create_quota no-pods pods=0
  start_job pods-raised 'the Pods of Job .* cannot be created: .*exceeded quota'
  kubectl delete quota no-pods
  wait_for "$runner"
  assert_equal "$status" 0
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" 7
}

@test "V2: a LimitRange that refuses the Pods is logged; 78 after the start timeout, the Job is deleted" {
  kubectl create --filename - <<'JSON'
{"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
 "spec": {"limits": [{"type": "Pod", "max": {"memory": "1Mi"}}]}}
JSON
  start_job limited 'the Pods of Job .* cannot be created: .*LimitRange denies it: .*maximum memory usage' --start-timeout 5
  wait_for "$runner"
  assert_equal "$status" 78
  assert_regex "$(tail --lines 2 "$BATS_TEST_TMPDIR/err")" 'Job limited will never start: for 5 s its Pods cannot be created'
  wait_until no_job limited
}

@test "V2: an unknown service account is logged; 78 after the start timeout, the Job is deleted" {
  local template
  template=$(job_template "$(job_spec "{\"serviceAccountName\": \"nobody\", \"containers\": [$(container main true)]}")")
  run_script run-job --template "$template" --name unknown-account --start-timeout 5
  assert_failure 78
  assert_regex "$stderr" 'the Pods of Job .* cannot be created: its service account does not exist: .*nobody'
  wait_until no_job unknown-account
}

@test "V2: explain-job reports why there are no Pods" {
  create_quota no-pods pods=0
  create_job without-pods true
  wait_until event without-pods FailedCreate 'exceeded quota'
  run_script explain-job --job without-pods
  assert_success
  assert_line 'Job without-pods is not finished: it has no Pods'
  assert_line --regexp '^advice: the ResourceQuota no-pods is smaller than one Pod \(pods: 1 requested, 0 allowed\)'
}

# Creates a webhook for Jobs of this namespace. ANSWER is JSON, the response of an AdmissionReview. The webhook runs in a Pod
# in the host network of a node, which the API server reaches, and whose address is known.
create_webhook() { # ANSWER
  local address
  address=$(kubectl get nodes --output 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=webhook \
    -addext "subjectAltName=IP:$address" -keyout "$BATS_TEST_TMPDIR/key.pem" -out "$BATS_TEST_TMPDIR/cert.pem" 2>/dev/null
  cat >"$BATS_TEST_TMPDIR/webhook.py" <<'END_OF_SERVER'
import http.server, json, os, ssl

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        response = {"uid": review["request"]["uid"], **json.loads(os.environ["ANSWER"])}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("0.0.0.0", 18443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/config/cert.pem", "/config/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("serving", flush=True)
server.serve_forever()
END_OF_SERVER
  kubectl delete pod,configmap webhook --ignore-not-found >/dev/null 2>&1
  kubectl create configmap webhook --from-file "$BATS_TEST_TMPDIR/webhook.py" \
    --from-file "$BATS_TEST_TMPDIR/cert.pem" --from-file "$BATS_TEST_TMPDIR/key.pem" >/dev/null
  "$GKE_JOB_PYTHON" -c '
import json, os, sys
from base64 import b64encode
from pathlib import Path
answer, address, certificate = sys.argv[1:]
namespace = os.environ["NAMESPACE"]
main = {"name": "main", "image": "python:3.12-slim", "command": ["python3", "/config/webhook.py"],
        "env": [{"name": "ANSWER", "value": answer}], "volumeMounts": [{"name": "config", "mountPath": "/config"}]}
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "webhook"},
       "spec": {"containers": [main], "volumes": [{"name": "config", "configMap": {"name": "webhook"}}],
                "hostNetwork": True, "terminationGracePeriodSeconds": 0}}
hook = {"name": "policy.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 5,
        "failurePolicy": "Fail", "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [{"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}],
        "clientConfig": {"url": f"https://{address}:18443/",
                         "caBundle": b64encode(Path(certificate).read_bytes()).decode()}}
webhook = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
           "metadata": {"name": namespace}, "webhooks": [hook]}
Path(os.environ["BATS_TEST_TMPDIR"], "webhook.json").write_text(json.dumps(webhook))
print(json.dumps(pod))' "$1" "$address" "$BATS_TEST_TMPDIR/cert.pem" | kubectl create --filename - >/dev/null
  wait_until serves
  kubectl create --filename "$BATS_TEST_TMPDIR/webhook.json" >/dev/null
  wait_until is_asked
}

serves() {
  kubectl logs webhook 2>/dev/null | grep --quiet serving
}

# Succeeds when the API server calls the webhook, which denies all Jobs.
is_asked() {
  ! kubectl create job probe --image busybox:1.37 --dry-run=server >/dev/null 2>&1
}

# shellcheck disable=SC2329 # of a test above
create_webhook_again() { # ANSWER
  kubectl delete --filename "$BATS_TEST_TMPDIR/webhook.json" >/dev/null
  create_webhook "$1"
}

is_unanswered() {
  kubectl create job probe --image busybox:1.37 --dry-run=server 2>&1 | grep --quiet 'failed calling webhook'
}

# shellcheck disable=SC2329 # of a test above
create_webhook_again() { # ANSWER
  kubectl delete --filename "$BATS_TEST_TMPDIR/webhook.json" >/dev/null
  create_webhook "$1"
}

# REGEXP matches the one line of run-job.
assert_denied() { # NAME REGEXP
  local began=$SECONDS
  run_job "$1"
  assert_one_error 65 "$2"
  ((SECONDS - began < 60)) # not until --unreachable-timeout
  assert no_job "$1"
}

# bats test_tags=needs:webhooks
@test "V3: a webhook that denies without a code: 65 at once" {
  create_webhook '{"allowed": false, "status": {"message": "no cost center"}}'
  assert_denied denied-plainly 'a policy of the cluster denies it: .*policy.example.com.* denied the request: no cost center'
}

# bats test_tags=needs:webhooks
@test "V3: a webhook that denies with the code of a server error or the text of another error: 65 at once" {
  create_webhook '{"allowed": false, "status": {"code": 500, "message": "exceeded quota: etcdserver: request timed out"}}'
  assert_denied denied-with-500 'a policy of the cluster denies it: .*exceeded quota'
  create_webhook_again '{"allowed": false, "status": {"code": 429, "reason": "TooManyRequests", "message": "slow down"}}'
  assert_denied denied-with-429 'a policy of the cluster denies it: .*slow down'
}

# bats test_tags=needs:webhooks
@test "V3: a webhook that denies without a message: 65 at once" {
  create_webhook '{"allowed": false}'
  assert_denied denied-silently 'a policy of the cluster denies it: .*policy.example.com'
}

# bats test_tags=needs:webhooks
@test "V3: submit-job waits for a webhook that does not answer, which may recover; then 69" {
  create_webhook '{"allowed": false}'
  kubectl delete pod webhook >/dev/null
  wait_until is_unanswered
  run_job unanswered --unreachable-timeout 3
  assert_failure 69
  assert_regex "$stderr" 'an admission webhook does not answer: .*failed calling webhook'
  assert no_job unanswered
}

# bats test_tags=needs:webhooks
@test "V3: a policy denies the Pods of a Job: 78 after the start timeout, the Job is deleted" {
  kubectl create --filename - <<END
{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "$NAMESPACE"},
 "spec": {"failurePolicy": "Fail", "matchConstraints": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "$NAMESPACE"}},
   "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
   "validations": [{"expression": "object.metadata.name == 'nothing'", "message": "no Pods today"}]}}
END
  kubectl create --filename - <<END
{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "$NAMESPACE"},
 "spec": {"policyName": "$NAMESPACE", "validationActions": ["Deny"]}}
END
  wait_until denies_pods
  run_job denied-pods --start-timeout 5
  kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy "$NAMESPACE"
  assert_failure 78
  assert_regex "$stderr" 'the Pods of Job .* cannot be created: .*a policy of the cluster denies it: .*no Pods today'
  wait_until no_job denied-pods
}

denies_pods() {
  ! kubectl run probe --image busybox:1.37 --dry-run=server >/dev/null 2>&1
}

#!/usr/bin/env bats
# check-setup on the stand-in: what it finds of the tools, the account, the endpoint, the rights and the node pools.
# shellcheck disable=SC2154,SC2030,SC2031 # place is set by setup; each test has variables of its own

setup() {
  load test_helper
  place=(--project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION" --namespace ml-jobs --profile 'cpu-small,gpu-l4')
  export GKE_JOB_CACHE=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR
  PATH=$(dirname "$GKE_JOB_PYTHON"):$PATH # its kubectl is as new as the stand-in; that of the machine may be older
}

teardown() { end_silent_metadata_server; }

check() { # OPTION...
  run_script check-setup "${place[@]}" "$@"
}

# A PATH with the programs of this machine but one.
hide() { # PROGRAM
  local directory file directories
  mkdir "$BATS_TEST_TMPDIR/bin"
  IFS=: read -ra directories <<<"$PATH"
  for directory in "${directories[@]}"; do
    for file in "$directory"/*; do
      [[ ! -x $file || ${file##*/} == "$1" || -e $BATS_TEST_TMPDIR/bin/${file##*/} ]] ||
        ln -s "$file" "$BATS_TEST_TMPDIR/bin/"
    done
  done
  PATH=$BATS_TEST_TMPDIR/bin
}

@test "all is ok for the account of a worker: each check is a line" {
  check --cluster ml-cluster --worker-slots 2
  assert_success
  refute_line --regexp '^(warning|failed) '
  for name in system python kubectl gcloud plugin space memory templates account endpoint clock user skew rights job \
    security limits quota policy nodes; do
    assert_line --regexp "^ok +$name "
  done
  assert_line --regexp '^ok +account +admin@localgke-project.iam.gserviceaccount.com, by application-default credentials$'
  assert_line --regexp '^ok +nodes +cpu-small: default-pool, gpu-l4: gpu-l4-pool \(size not known, it has no node\)$'
  assert_equal "$stderr" 'check-setup: 20 ok, 0 warnings, 0 failed'
}

@test "--json is one line, a list of objects of text" {
  check --cluster ml-cluster --json
  assert_success
  assert_equal "${#lines[@]}" 1
  "$GKE_JOB_PYTHON" -c '
import json, sys
findings = json.load(sys.stdin)
assert {frozenset(finding) for finding in findings} == {frozenset({"check", "state", "found", "fix"})}
assert {finding["state"] for finding in findings} == {"ok"}' <<<"$output"
}

@test "a profile that no node pool can satisfy is a warning with the reason" {
  place=(--project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION" --namespace ml-jobs --profile 'cpu-small,gpu-h100')
  check --cluster ml-cluster
  assert_success
  assert_line --regexp '^warning +nodes +no node pool for gpu-h100 \(no label .*=nvidia-h100-80gb\)$'
}

@test "a context of the kubeconfig is checked without gcloud, and its nodes instead of node pools" {
  hide gcloud
  run_script check-setup --namespace ml-jobs --profile cpu-small
  assert_success
  refute_line --regexp '^ok +(gcloud|account) '
  assert_line --regexp '^ok +nodes +cpu-small: gke-'
}

@test "without --namespace it is that of the context" {
  cp "$KUBECONFIG" "$BATS_TEST_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  kubectl config set-context --current --namespace kube-system >/dev/null
  run_script check-setup --profile cpu-small
  assert_success
  assert_line --regexp '^ok +rights .*, in namespace kube-system$'
}

@test "missing rights are named verb by verb, with the commands that grant them" {
  use_gcloud_token viewer-token
  check --cluster ml-cluster
  assert_failure 1
  assert_line --regexp '^failed +rights +missing in namespace ml-jobs: create, patch, delete jobs$'
  assert_line --regexp '^warning +rights +missing in namespace ml-jobs: create configmaps; create services, which only'
  assert_line --regexp 'fix: kubectl apply --namespace ml-jobs --filename templates/role.yaml && kubectl create rolebinding'
  assert_equal "${stderr##*failed}" ': rights'
}

@test "an account that may not find the cluster is told which role it lacks" {
  use_gcloud_token outsider-token
  check --cluster ml-cluster
  assert_failure 1
  assert_line --regexp '^failed +cluster +cannot get credentials .*container.clusters.get'
  assert_line --partial 'gcloud projects add-iam-policy-binding localgke-project --member '
  refute_line --regexp '^[a-z]+ +(endpoint|rights) '
}

@test "a metadata server that does not answer is the finding, and not what follows from it" {
  use_silent_metadata_server
  check --cluster ml-cluster
  assert_failure 1
  assert_line --regexp '^failed +account +the metadata server 127.0.0.1:[0-9]+ did not answer within 5 s$'
  assert_equal "$(grep -c '^failed' <<<"$output")" 1
}

@test "an account that may not use the DNS endpoint is told so" {
  use_gcloud_token viewer-token
  check --cluster ml-dns
  assert_failure 1
  assert_line --regexp '^failed +user .*container.clusters.connect'
}

@test "an endpoint that takes connections and never answers is named, with the others to take" {
  check --cluster ml-private
  assert_failure 1
  assert_line --regexp '^failed +endpoint .*accepts connections but forwards no data'
  assert_line --partial 'fix: '
}

@test "every other way to the cluster is checked to its end" {
  local way
  for way in '--cluster ml-dns' '--cluster ml-private --internal-ip' '--fleet-membership ml-member' \
    '--cluster ml-cluster --impersonate-service-account admin@localgke-project.iam.gserviceaccount.com'; do
    # shellcheck disable=SC2086 # options
    check $way
    assert_success
    assert_line --regexp '^ok +endpoint '
    assert_line --regexp '^ok +rights '
  done
}

@test "a cluster that is not there ends the checks" {
  check --cluster nosuch
  assert_failure 1
  assert_line --regexp '^failed +cluster +cannot get credentials for cluster nosuch .*not found'
}

@test "a namespace that is not there is one finding" {
  run_script check-setup --namespace nosuch --profile cpu-small
  assert_failure 1
  assert_line --regexp '^failed +job +.*namespace nosuch does not exist'
  assert_equal "$(grep -c '^failed' <<<"$output")" 1
}

@test "without kubectl or the plugin the rest is checked, and the fix says how to get them" {
  hide kubectl
  check --cluster ml-cluster
  assert_failure 1
  assert_line --regexp '^failed +kubectl +kubectl is not on PATH$'
  assert_line --partial 'fix: install kubectl, or set GKE_JOB_TOOLS to a directory that contains it'
  assert_line --regexp '^ok +templates '
}

@test "a template of one's own is checked with the values given, and each profile with it" {
  run_script check-setup --namespace ml-jobs --template batch-job --set image=busybox:1.37 --set queue=gpu --profile cpu-small
  assert_failure 1
  assert_line --regexp '^ok +templates +batch-job can be rendered$'
  assert_line --regexp '^failed +queue +Kueue is not installed'
  run_script check-setup --namespace ml-jobs --template batch-job --profile cpu-small
  assert_failure 1
  assert_line --regexp '^failed +templates +batch-job.yaml.j2: values.image is missing'
}

@test "a Job of the same user that is there is not in the way, and a template that fails is one finding" {
  run_script run-job --namespace ml-jobs --template batch-job --set image=busybox:1.37 --set 'command:=["true"]'
  assert_success
  run_script check-setup --namespace ml-jobs --template batch-job --set image=busybox:1.37 --profile cpu-small
  kubectl delete job --namespace ml-jobs --all >/dev/null
  assert_success
  run_script check-setup --namespace ml-jobs --template nosuch --profile cpu-small
  assert_failure 1
  assert_equal "$(grep -c '^failed' <<<"$output")" 1
}

@test "a proxy on the way is tried, unless NO_PROXY names the endpoint" {
  HTTPS_PROXY=http://127.0.0.1:9 run_script check-setup --namespace ml-jobs --profile cpu-small
  assert_failure 1
  assert_line --regexp '^failed +endpoint +the proxy 127.0.0.1:9 .* accepts no connections'
  HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1 run_script check-setup --namespace ml-jobs --profile cpu-small
  assert_success
}

@test "a Python, or a place for temporary files, that is not there is one line: 78" {
  GKE_JOB_PYTHON=/nowhere/python run_script check-setup --namespace ml-jobs
  assert_failure 78
  assert_equal "$stderr" \
    'check-setup: /nowhere/python is not on PATH: set GKE_JOB_PYTHON to a Python 3 that has jinja2 and PyYAML'
  TMPDIR=/nowhere run_script check-setup --namespace ml-jobs
  assert_failure 78
  assert_equal "$stderr" 'check-setup: cannot create a private directory in /nowhere: set TMPDIR to another directory'
}

@test "a profile that is not there fails" {
  run_script check-setup --namespace ml-jobs --profile nosuch
  assert_failure 1
  assert_line --regexp '^failed +profiles .*nosuch'
}

@test "nothing is changed on the cluster, and nothing is left on this machine" {
  check --cluster ml-cluster
  assert_success
  assert_equal "$(kubectl get jobs,configmaps,services --namespace ml-jobs --output name)" ''
  run ls -A --ignore='separate-stderr-*' "$BATS_TEST_TMPDIR"
  assert_output cache
}

@test "an access token in the environment is an account" {
  CLOUDSDK_AUTH_ACCESS_TOKEN=viewer-token check --cluster ml-cluster
  assert_line --regexp '^ok +account +the one of CLOUDSDK_AUTH_ACCESS_TOKEN$'
  assert_line --regexp '^ok +user .*viewer@'
}

@test "a kubeconfig that does not check the certificate is checked to its end" {
  cp "$KUBECONFIG" "$BATS_TEST_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  kubectl config set clusters.localgke.insecure-skip-tls-verify true >/dev/null
  kubectl config unset clusters.localgke.certificate-authority >/dev/null
  run_script check-setup --namespace ml-jobs --profile cpu-small
  assert_success
}

@test "interrupted it leaves no process behind" {
  local child
  printf '#!/bin/sh\ncase "$*" in *" create "*) echo $$ >%q; exec sleep 60 ;; esac\nexec %q "$@"\n' \
    "$BATS_TEST_TMPDIR/pid" "$(type -P kubectl)" >"$BATS_TEST_TMPDIR/kubectl"
  chmod +x "$BATS_TEST_TMPDIR/kubectl"
  PATH=$BATS_TEST_TMPDIR:$PATH bash "$REPOSITORY/scripts/check-setup" --namespace ml-jobs --profile cpu-small \
    >/dev/null 2>&1 3>&- &
  wait_until test -s "$BATS_TEST_TMPDIR/pid"
  kill -TERM $!
  wait $! || true
  child=$(<"$BATS_TEST_TMPDIR/pid")
  wait_until sh -c "! kill -0 $child 2>/dev/null"
}

@test "wrong options are refused" {
  run_script check-setup --namespace ml-jobs --profile=-x
  assert_failure 1
  assert_line --regexp '^failed +profiles .*-x'
  check --cluster ml-cluster --worker-slots many
  assert_failure 64
  check --cluster ml-cluster --context other
  assert_failure 64
}

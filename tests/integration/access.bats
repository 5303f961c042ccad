#!/usr/bin/env bats
# Access to a cluster with the real gcloud and its plugin: endpoints, accounts, and what does not answer.
# shellcheck disable=SC2154 # place and kubeconfig are set by use_access

setup() {
  load test_helper
  load access_helper
  use_access
}

@test "each endpoint works with the account of the metadata server, without gcloud for a token" {
  count_gcloud
  local way number=0
  for way in '--cluster ml-cluster' '--cluster ml-cluster --dns-endpoint' '--cluster ml-dns' \
    '--cluster ml-private --internal-ip' '--fleet-membership ml-member'; do
    rm -f "$kubeconfig"
    # shellcheck disable=SC2086 # options
    get_credentials $way
    assert_success
    assert_leads_to_the_cluster
    calls_are $((++number))
  done
}

@test "with a proxy the first run also gets the kubeconfig from gcloud" {
  count_gcloud
  HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1 get_credentials --cluster ml-cluster
  assert_success
  assert_leads_to_the_cluster
  calls_are 1
}

@test "an impersonated account acts on the cluster, and its token is cached too" {
  get_credentials --cluster ml-cluster --impersonate-service-account "$VIEWER"
  assert_success
  count_gcloud
  KUBECONFIG=$kubeconfig run kubectl delete namespace ml-jobs
  assert_output --partial "User \"$VIEWER\" cannot delete"
  get_credentials --cluster ml-cluster --impersonate-service-account "$VIEWER"
  assert_success
  calls_are 0
}

@test "a GKE API that never answers: 69, with the failed operation" {
  never_answers gcloud
  get_credentials --cluster ml-cluster
  assert_one_error 69 'get credentials for cluster ml-cluster in .*: no answer within 1 s; try again'
  wait_until none_marked "$BATS_TEST_TMPDIR"
}

@test "a plugin that never answers is ended with its children: 69" {
  get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  rm "$GKE_JOB_CACHE"/*/gke_gcloud_auth_plugin_cache
  never_answers gke-gcloud-auth-plugin
  get_credentials --cluster ml-cluster --auth gcloud
  assert_one_error 69 'cannot get a token: no answer from gke-gcloud-auth-plugin within 1 s: try again'
  wait_until none_marked "$BATS_TEST_TMPDIR"
}

@test "gcloud does not outlive a script that is killed" {
  never_answers gcloud
  sed -i 's/^sleep 600 &$//; s/^sleep/exec sleep/' "$BATS_TEST_TMPDIR/bin/gcloud"
  bash "$BATS_TEST_DIRNAME/../../scripts/get-credentials" "${place[@]}" --cluster ml-cluster 3>&- &
  wait_until marked "$BATS_TEST_TMPDIR"
  kill -KILL $!
  wait $! 2>/dev/null || true
  wait_until none_marked "$BATS_TEST_TMPDIR"
}

@test "an existing kubeconfig keeps its other contexts" {
  cp "$LOCALGKE_STATE/kubeconfig" "$kubeconfig"
  get_credentials --cluster ml-cluster
  assert_success
  KUBECONFIG=$kubeconfig run kubectl config get-contexts --output name
  assert_line localgke
  assert_line "gke_${LOCALGKE_PROJECT}_${LOCALGKE_LOCATION}_ml-cluster"
  KUBECONFIG=$kubeconfig run kubectl config current-context
  assert_output "gke_${LOCALGKE_PROJECT}_${LOCALGKE_LOCATION}_ml-cluster"
}

@test "an endpoint that the cluster lacks is missing configuration: 78" {
  get_credentials --cluster ml-cluster --internal-ip
  assert_one_error 78 'the cluster has no private endpoint: leave out --internal-ip'
  get_credentials --cluster ml-private --dns-endpoint
  assert_one_error 78 'no DNS endpoint that can be used from outside: .*--enable-dns-access'
  get_credentials --cluster ml-dns --internal-ip
  assert_one_error 78 'the cluster has no IP endpoint: use --dns-endpoint'
  get_credentials --fleet-membership nope
  assert_one_error 78 'not found: compare with: gcloud container fleet memberships list'
}

@test "a missing permission is named: 77" {
  get_credentials --cluster ml-cluster --impersonate-service-account nobody@example.com
  assert_one_error 77 'may not impersonate nobody@example.com; grant it roles/iam.serviceAccountTokenCreator'
  use_gcloud_token viewer-token
  get_credentials --fleet-membership ml-member
  assert_one_error 77 'permission denied: .*roles/gkehub.gatewayEditor'
  run_script list-jobs "${place[@]}" --cluster ml-dns
  assert_one_error 77 'permission denied: .*with the permission container.clusters.connect'
}

@test "an endpoint that does not answer is unreachable: 69, with the error of the last request" {
  run_script list-jobs "${place[@]}" --cluster ml-private --unreachable-timeout 1
  assert_equal "$status" 69
  assert_regex "$stderr" 'TLS handshake timeout'
}

@test "a run that outlives its tokens gets new ones, and expired tokens are refused" {
  local state=$BATS_TEST_TMPDIR/localgke
  sed 's/^tokenSeconds: .*/tokenSeconds: 4/' "$REPOSITORY/tests/dev/localgke/cluster.yaml" >"$BATS_TEST_TMPDIR/cluster.yaml"
  "$GKE_JOB_PYTHON" -m localgke start --state "$state" --config "$BATS_TEST_TMPDIR/cluster.yaml" 3>&-
  # shellcheck disable=SC1091 # written by the stand-in
  source "$state/env"
  run_script run-job "${place[@]}" --cluster ml-cluster --template batch-job \
    --values "$(values_file 'sleep 10; echo 1 >/dev/termination-log')"
  "$GKE_JOB_PYTHON" -m localgke stop --state "$state"
  assert_success
  assert_output 1
}

@test "options that do not fit together are a usage error: 64" {
  run_script get-credentials "${place[@]}" --cluster c --internal-ip --dns-endpoint
  assert_one_error 64 '--internal-ip and --dns-endpoint are two endpoints'
  run_script get-credentials "${place[@]}" --cluster c --fleet-membership m
  assert_one_error 64 '--fleet-membership and --cluster both name a cluster'
  run_script get-credentials "${place[@]}" --fleet-membership m --dns-endpoint
  assert_one_error 64 'uses Connect gateway: leave out'
  run_script get-credentials "${place[@]}" --cluster c --auth adc --impersonate-service-account a@b.c
  assert_one_error 64 '--auth adc cannot impersonate'
  run_script get-credentials "${place[@]}" --cluster c --impersonate-service-account nobody
  assert_one_error 64 "--impersonate-service-account is 'nobody'"
  run_script get-credentials "${place[@]}" --cluster c --impersonate-service-account=-x@y
  assert_one_error 64 "--impersonate-service-account is '-x@y'"
  run_script get-credentials "${place[@]}" --cluster c --auth none
  assert_one_error 64 'one of auto, adc, gcloud'
  run_script list-jobs --dns-endpoint
  assert_one_error 64 'no cluster: add --project'
}

@test "--dry-run shows the call of gcloud for each endpoint" {
  run_script get-credentials --project p --fleet-membership m --impersonate-service-account a@b.c --dry-run
  assert_equal "$stderr" "get-credentials: would run: gcloud container fleet memberships get-credentials m --project p \
--impersonate-service-account a@b.c"
  run_script get-credentials --project p --location l --cluster c --dns-endpoint --dry-run
  assert_equal "$stderr" "get-credentials: would run: gcloud container clusters get-credentials c --location l \
--project p --dns-endpoint"
}

@test "every script with CLUSTER has the same help for it, and accepts the options" {
  local script help=''
  for script in "$REPOSITORY"/scripts/*-job "$REPOSITORY"/scripts/*-jobs; do
    grep --quiet '^#   CLUSTER ' "$script" || continue
    run_script "$(basename "$script")" --help
    assert_success
    [[ $help ]] || help=${output#*$'\n'CLUSTER, which cluster}
    assert_equal "${output#*$'\n'CLUSTER, which cluster}" "$help"
    run_script "$(basename "$script")" --dns-endpoint --internal-ip --auth adc --fleet-membership m --nonsense
    assert_one_error 64 'unknown option --nonsense'
  done
  assert_regex "$help" '--impersonate-service-account EMAIL'
}

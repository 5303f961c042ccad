#!/usr/bin/env bats
# Access to a cluster with the real gcloud and its plugin: endpoints, accounts, and the cache for the next run.
# shellcheck disable=SC2154 # place is set by setup
VIEWER=viewer@localgke-project.iam.gserviceaccount.com

setup() {
  load test_helper
  place=(--project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION")
  export GKE_JOB_CACHE=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR
  kubeconfig=$BATS_TEST_TMPDIR/kubeconfig
}

get_credentials() { # OPTION...
  run_script get-credentials "${place[@]}" "$@" --kubeconfig "$kubeconfig"
}

# Asserts the number of calls of gcloud, each a line of $calls.
count_gcloud() {
  calls=$BATS_TEST_TMPDIR/calls
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho "$*" >>"%s"\nexec "%s" "$@"\n' "$calls" "$(type -P gcloud)" >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  : >"$calls"
}

calls_are() { # NUMBER
  assert_equal "$(wc -l <"$calls")" "$1"
}

assert_leads_to_the_cluster() {
  KUBECONFIG=$kubeconfig run --separate-stderr kubectl get namespaces --output name
  assert_success
  assert_line namespace/default
}

# Configures gcloud with a token of the stand-in's cluster file.
use_gcloud_token() { # TOKEN
  printf %s "$1" >"$BATS_TEST_TMPDIR/token"
  export CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token
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

@test "gcloud's credentials: the second run does not call gcloud" {
  get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  count_gcloud
  rm "$kubeconfig" "$BATS_TEST_TMPDIR/gke_gcloud_auth_plugin_cache"
  get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  assert_leads_to_the_cluster
  calls_are 0
}

@test "cache entries are readable only by their owner, and used only for the same account" {
  get_credentials --cluster ml-cluster
  assert_success
  run find "$GKE_JOB_CACHE" -perm /077
  assert_output ''
  use_gcloud_token worthless
  get_credentials --cluster ml-cluster
  assert_one_error 77 'not logged in'
  printf viewer-token >"$BATS_TEST_TMPDIR/token"
  rm "$kubeconfig"
  get_credentials --cluster ml-cluster
  assert_success
  KUBECONFIG=$kubeconfig run kubectl delete namespace ml-jobs
  assert_output --partial "User \"$VIEWER\" cannot delete"
}

@test "nothing is cached in a directory that others can write to, or through a symbolic link" {
  mkdir -m 777 "$GKE_JOB_CACHE"
  get_credentials --cluster ml-cluster
  assert_success
  rmdir "$GKE_JOB_CACHE"
  ln -s "$BATS_TEST_TMPDIR" "$GKE_JOB_CACHE"
  rm "$kubeconfig"
  get_credentials --cluster ml-cluster
  assert_success
  assert_leads_to_the_cluster
}

@test "an entry that is an hour old, or has another endpoint or CA, is renewed" {
  get_credentials --cluster ml-cluster
  assert_success
  local kept server
  kept=$(echo "$GKE_JOB_CACHE"/*/kubeconfig)
  server=$(grep 'server:' "$kept")
  count_gcloud
  touch --date '-61 minutes' "$kept"
  get_credentials --cluster ml-cluster
  calls_are 1
  sed -i 's,server: .*,server: https://127.0.0.1:9,' "$kept"
  get_credentials --cluster ml-cluster
  calls_are 2
  sed -i "s,certificate-authority-data: .*,certificate-authority-data: $(openssl req -x509 -newkey rsa:2048 -nodes \
    -keyout /dev/null -subj /CN=other -days 1 2>/dev/null | base64 --wrap 0)," "$kept"
  get_credentials --cluster ml-cluster
  assert_success
  calls_are 3
  assert_equal "$(grep 'server:' "$kubeconfig")" "$server"
}

@test "an entry that was not used for a day is renewed, and other files in the directory stay" {
  get_credentials --cluster ml-cluster
  assert_success
  mkdir "$GKE_JOB_CACHE/thesis"
  touch --date '-2 days' "$GKE_JOB_CACHE"/*/kubeconfig "$GKE_JOB_CACHE"/*
  get_credentials --cluster ml-cluster
  assert_success
  assert_leads_to_the_cluster
  assert [ -d "$GKE_JOB_CACHE/thesis" ]
}

@test "200 concurrent runs: one call of gcloud, and every file is complete" {
  count_gcloud
  local number
  for number in {1..200}; do
    mkdir "$BATS_TEST_TMPDIR/$number"
    bash "$REPOSITORY/scripts/get-credentials" "${place[@]}" --cluster ml-cluster \
      --kubeconfig "$BATS_TEST_TMPDIR/$number/kubeconfig" >/dev/null 2>>"$BATS_TEST_TMPDIR/said" 3>&- &
  done
  wait
  calls_are 1
  assert_equal "$(cat "$BATS_TEST_TMPDIR/said")" ''
  assert_equal "$(md5sum "$BATS_TEST_TMPDIR"/*/kubeconfig | cut --delimiter=' ' --fields=1 | sort | uniq --count | xargs)" \
    "200 $(md5sum "$GKE_JOB_CACHE"/*/kubeconfig | cut --delimiter=' ' --fields=1)"
}

@test "all runs that wait for a failing call get its error" {
  count_gcloud
  use_gcloud_token outsider-token
  local number
  for number in {1..5}; do
    bash "$REPOSITORY/scripts/get-credentials" "${place[@]}" --cluster ml-cluster >/dev/null \
      2>"$BATS_TEST_TMPDIR/said.$number" 3>&- &
  done
  wait
  calls_are 1
  assert_equal "$(cat "$BATS_TEST_TMPDIR"/said.* | sort --unique | wc --lines)" 1
  assert_regex "$(cat "$BATS_TEST_TMPDIR/said.1")" '^get-credentials: cannot get .*: permission denied: '
}

@test "a token that another process removes before it is copied is no error" {
  get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the other shell
  printf '#!/bin/sh\ncase $* in *plugin_cache*) rm -f "%s"/*/gke_gcloud_auth_plugin_cache ;; esac\nexec "%s" "$@"\n' \
    "$GKE_JOB_CACHE" "$(type -P cp)" >"$BATS_TEST_TMPDIR/bin/cp"
  chmod +x "$BATS_TEST_TMPDIR/bin/cp"
  rm "$kubeconfig"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  assert_equal "$stderr" ''
  assert_leads_to_the_cluster
}

@test "when the cache has no space left, nothing is cached, and the run continues" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the other shell
  printf '#!/bin/sh\ncase $* in *"%s"*/new) exec "%s" "$1" "$2" /dev/full ;; esac\nexec "%s" "$@"\n' "$GKE_JOB_CACHE" \
    "$(type -P cp)" "$(type -P cp)" >"$BATS_TEST_TMPDIR/bin/cp"
  chmod +x "$BATS_TEST_TMPDIR/bin/cp"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH get_credentials --cluster ml-cluster
  assert_success
  assert_equal "$stderr" ''
  assert_leads_to_the_cluster
}

# Replaces PROGRAM by one that never answers, and sets the scripts' timeout for it to a second.
never_answers() { # PROGRAM
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexport GKE_JOB_TEST_MARK=%s\nsleep 600 &\nsleep 600\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/$1"
  chmod +x "$BATS_TEST_TMPDIR/bin/$1"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  cp -r "$REPOSITORY/scripts" "$BATS_TEST_TMPDIR/"
  sed -i 's/^\(readonly GCLOUD_SECONDS\)=120 /\1=1 /; s/^\(readonly LOCK_SECONDS\)=[^#]*/\1=1 /' \
    "$BATS_TEST_TMPDIR/scripts/lib/bash/credentials.bash"
  REPOSITORY=$BATS_TEST_TMPDIR
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

@test "another process that never releases the entry is named: 69" {
  get_credentials --cluster ml-cluster
  assert_success
  never_answers nothing
  touch --date '-61 minutes' "$GKE_JOB_CACHE"/*/kubeconfig
  exec {held}<"$(echo "$GKE_JOB_CACHE"/*)"
  flock "$held"
  get_credentials --cluster ml-cluster
  assert_one_error 69 "another process has locked $GKE_JOB_CACHE/.* for more than 1 s"
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

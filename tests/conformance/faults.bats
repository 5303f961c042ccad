#!/usr/bin/env bats
# run-job while the way to the cluster is bad: the verdict and the result are right all the same.
# bats file_tags=needs:faults

setup_file() {
  load test_helper
  source "$REPOSITORY/tests/faults/faults.bash"
  start_proxy
  use_generated_namespace
}

setup() {
  load test_helper
  source "$REPOSITORY/tests/faults/faults.bash"
  as_task dag "$BATS_TEST_NAME" run
}

teardown() {
  [[ $BATS_TEST_COMPLETED ]] || cat "$BATS_TEST_TMPDIR/err"
  clear_faults
  end_children
}

teardown_file() {
  delete_namespace
  stop_proxy
}

# Starts run-job with a Job that waits until it is resumed, and waits until it is followed with both watches. TTL: of the
# finished Job.
start_suspended_job() { # SHELL-COMMAND [OPTION...] -> runner, job
  local watches template=$BATS_TEST_TMPDIR/suspended.yaml.j2
  watches=$(requests watch)
  cat >"$template" <<END_OF_TEMPLATE
apiVersion: batch/v1
kind: Job
spec:
  suspend: true
  backoffLimit: 0
  ttlSecondsAfterFinished: ${TTL-3600}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: {{ values.image }}
          command: {{ values.command }}
END_OF_TEMPLATE
  bash "$REPOSITORY/scripts/run-job" --template "$template" --values "$(values_file "$1")" "${@:2}" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  said 'is suspended'
  more_requests watch "$watches" 2
  job=$(sed -n 's/.*: \(created\|attaching to\) Job \([^ :]*\).*/\2/p' "$BATS_TEST_TMPDIR/err")
}

said() { # TEXT
  wait_until grep --quiet --no-messages "$1" "$BATS_TEST_TMPDIR/err"
}

# Waits until so many more requests of a kind have come in.
more_requests() { # KIND BEFORE NUMBER
  wait_until at_least "$1" "$(($2 + $3))"
}

at_least() { # KIND NUMBER
  (($(requests "$1") >= $2))
}

resume() { # JOB
  kubectl_directly patch job "$1" --type merge --patch '{"spec": {"suspend": false}}'
}

assert_ended() { # STATUS RESULT
  wait_for "$runner"
  assert_equal "$status" "$1"
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" "$2"
}

@test "watches that the server ends are started again" {
  local watches
  start_suspended_job 'echo 1 >/dev/termination-log'
  watches=$(requests watch)
  fault watch:end:now
  more_requests watch "$watches" 2
  resume "$job"
  assert_ended 0 1
}

@test "while nothing happens nothing is asked but the Job and its Pods, once a heartbeat" {
  local reads watches
  start_suspended_job 'echo 1 >/dev/termination-log' --heartbeat 5
  reads=$(requests read) watches=$(requests watch)
  said "Job $job is not finished after .*; Pods: none"
  assert_equal "$(requests read) $(requests watch)" "$((reads + 2)) $watches"
  resume "$job"
  assert_ended 0 1
}

@test "watches that something on the way swallows: the end is seen at the next heartbeat" {
  start_suspended_job 'echo 1 >/dev/termination-log' --heartbeat 3
  fault watch:blackhole
  resume "$job"
  assert_ended 0 1
}

@test "watches that end with 410 Expired are started again" {
  local watches
  start_suspended_job 'echo 1 >/dev/termination-log'
  watches=$(requests watch)
  fault watch:gone:now
  more_requests watch "$watches" 2
  resume "$job"
  assert_ended 0 1
}

@test "connections refused while the Job starts and completes: its result is fetched when the cluster is back" {
  start_suspended_job 'echo 2 >/dev/termination-log'
  fault refuse
  said 'retrying for up to'
  resume "$job"
  kubectl_directly wait --for condition=Complete "job/$job" --timeout 60s
  clear_faults
  assert_ended 0 2
}

@test "connections refused while the Job fails: it failed, and its reason is said" {
  start_suspended_job 'exit 3'
  fault refuse
  said 'retrying for up to'
  resume "$job"
  kubectl_directly wait --for condition=Failed "job/$job" --timeout 60s
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" "Job $job failed: .*backoff limit"
}

@test "500 at every stage, then well: one Job, its verdict and its result" {
  local struck
  struck=$(requests struck)
  fault create:status=500:1
  start_suspended_job 'echo 3 >/dev/termination-log'
  assert_equal "$(requests struck)" "$((struck + 1))"
  assert_equal "$(kubectl_directly get jobs --selector gke-job/identity --output name | grep --count "$job")" 1
  fault watch:end:now watch:status=500:2 any/pods$:status=500:2
  more_requests struck "$struck" 5
  resume "$job"
  assert_ended 0 3
}

@test "a Job whose creation was carried out but never answered is taken for this run's own" {
  fault create:lose:1
  start_suspended_job 'echo 5 >/dev/termination-log'
  said "attaching to Job $job"
  resume "$job"
  assert_ended 0 5
}

@test "a Job whose creation was never answered and that has failed since is not run a second time" {
  local struck
  struck=$(requests struck)
  fault create:lose:1 create:blackhole
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file 'exit 3')" --name failed-unanswered \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  more_requests struck "$struck" 2
  kubectl_directly wait --for condition=Failed job/failed-unanswered --timeout 60s
  uid=$(kubectl_directly get job failed-unanswered --output 'jsonpath={.metadata.uid}')
  clear_faults
  assert_ended 1 ''
  assert_equal "$(kubectl_directly get job failed-unanswered --output 'jsonpath={.metadata.uid}')" "$uid"
}

@test "a manifest that kubectl could not check, because the cluster did not answer, is not taken for a wrong one" {
  export HOME=$BATS_TEST_TMPDIR # where kubectl has not kept it
  fault discovery/openapi:status=500
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file 'echo 6 >/dev/termination-log')" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  said 'the cluster did not answer as expected'
  clear_faults
  assert_ended 0 6
}

@test "logs that cannot be had do not decide about the Job" {
  local struck
  start_suspended_job 'echo unheard; echo 4 >/dev/termination-log'
  struck=$(requests struck)
  fault log:status=500
  resume "$job"
  assert_ended 0 4
  assert at_least struck "$((struck + 1))"
}

@test "a mark that the API server fails to set is tried again: the task does not get this result a second time" {
  start_suspended_job 'echo 5 >/dev/termination-log'
  fault patch:status=500:1
  resume "$job"
  assert_ended 0 5
  assert_regex "$(kubectl_directly get job "$job" --output 'jsonpath={.metadata.annotations.gke-job/collected}')" '^20'
}

@test "every line of a log whose stream breaks again and again is read once" {
  local struck
  struck=$(requests struck)
  fault log:drop=150:3
  # shellcheck disable=SC2016 # for the shell of the container
  start_suspended_job 'for i in $(seq 40); do echo "line $i"; sleep 0.1; done; echo 6 >/dev/termination-log'
  resume "$job"
  assert_ended 0 6
  assert_equal "$(sed -n 's/.* | line //p' "$BATS_TEST_TMPDIR/err")" "$(seq 40)"
  assert_equal "$(requests struck)" "$((struck + 3))"
}

@test "a token that expires while the Job is followed: the watches are started again with the next one" {
  local watches
  start_suspended_job 'echo 7 >/dev/termination-log'
  watches=$(requests watch)
  fault watch:end:now read:status=401:2
  said 'not logged in'
  more_requests watch "$watches" 2
  resume "$job"
  assert_ended 0 7
}

@test "429 and 504 while the Job is followed are waited out" {
  local struck
  start_suspended_job 'echo 8 >/dev/termination-log'
  struck=$(requests struck)
  fault watch:end:now read:status=504:2 read:status=429:2
  more_requests struck "$struck" 6
  resume "$job"
  assert_ended 0 8
}

@test "an API server that takes half a second for every answer" {
  fault any:delay=0.5
  start_suspended_job 'echo 9 >/dev/termination-log'
  resume "$job"
  assert_ended 0 9
}

@test "no answer for --unreachable-timeout: 69, and the Job goes on" {
  start_suspended_job 'true' --unreachable-timeout 2
  fault refuse
  assert_ended 69 ''
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "cannot watch Job $job: the cluster did not answer"
  kubectl_directly get job "$job"
}

@test "rights that are taken away while the Job is followed: 77 with the verb, after a time in which they may come back" {
  start_suspended_job 'true' --unreachable-timeout 2
  fault watch:end:now any:status=403
  assert_ended 77 ''
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'retrying for up to'
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" 'permission denied: .*cannot (list|watch) resource "(jobs|pods)"'
  kubectl_directly get job "$job"
}

@test "L1: one line of more than 16 KiB in two pieces, the stream broken in between: every line is read once" {
  local struck
  struck=$(requests struck)
  # shellcheck disable=SC2016 # for the shell of the container
  start_suspended_job 'echo line 0; printf "a%16999s" | tr " " a; sleep 3; printf "b%8000s\n" | tr " " b
    for n in $(seq 20); do echo line $n; sleep 0.2; done; echo 1 >/dev/termination-log'
  fault log:drop=12000:1
  resume "$job"
  more_requests struck "$struck" 1
  assert_ended 0 1
  assert_equal "$(sed -n 's/.* | line //p' "$BATS_TEST_TMPDIR/err")" "$(seq 0 20)"
  sed -n 's/^.\{5\} | \([ab]\)/\1/p' "$BATS_TEST_TMPDIR/err" >"$BATS_TEST_TMPDIR/long"
  assert_equal "$(tr -d '\nb' <"$BATS_TEST_TMPDIR/long" | wc --bytes)" 17000
  assert_equal "$(tr -d '\na' <"$BATS_TEST_TMPDIR/long" | wc --bytes)" 8001
}

@test "L1: a line whose text looks like a time, where the stream broke" {
  # shellcheck disable=SC2016 # for the shell of the container
  start_suspended_job 'for n in $(seq 40); do echo "2030-01-01T00:00:00Z line $n"; sleep 0.1; done'
  fault log:drop=150:3
  resume "$job"
  assert_ended 0 null
  assert_equal "$(sed -n 's/.* | 2030-01-01T00:00:00Z line //p' "$BATS_TEST_TMPDIR/err")" "$(seq 40)"
}

# Waits until the Job is complete; run-job then ends within three seconds, with this result.
assert_ends_soon() { # RESULT
  local begun
  kubectl_directly wait --for condition=Complete "job/$job" --timeout 60s
  begun=$SECONDS
  assert_ended 0 "$1"
  ((SECONDS - begun <= 3)) || fail "it took $((SECONDS - begun)) s"
}

@test "L4: a node that does not answer to a log request delays nothing" {
  start_suspended_job 'echo unheard; echo 4 >/dev/termination-log'
  fault log:blackhole
  resume "$job"
  assert_ends_soon 4
  assert grep --quiet 'the log of .* could not be read' "$BATS_TEST_TMPDIR/err"
}

@test "L4: the same in the middle of the log" {
  start_suspended_job 'echo heard; sleep 3; echo unheard; echo 4 >/dev/termination-log'
  resume "$job"
  said '| heard'
  fault log:blackhole
  assert_ends_soon 4
}

@test "L4: the same with errors instead of silence, for several Pods" {
  start_suspended_job 'echo unheard; echo 4 >/dev/termination-log' --max-log-streams 1
  fault log:status=503
  kubectl_directly patch job "$job" --type merge --patch '{"spec": {"parallelism": 3, "completions": 3, "suspend": false}}' ||
    resume "$job" # completions cannot be changed
  assert_ends_soon 4
}

@test "V8: a Job that ends while the cluster does not answer, and is gone by its TTL: that is said, 1" {
  TTL=0 start_suspended_job 'true'
  uid=$(kubectl_directly get job "$job" --output 'jsonpath={.metadata.uid}')
  fault refuse
  said 'retrying for up to'
  resume "$job"
  kubectl_directly wait --for delete "job/$job" --timeout 60s
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" \
    "Job $job .*is gone: it was deleted, or its TTL removed it; whether it succeeded is not known"
  run_script poll-job --job "$job" --uid "$uid"
  assert_one_error 1 "Job $job .*is gone: it was deleted, or its TTL removed it; whether it succeeded is not known"
}

@test "V8: the same when somebody deletes it meanwhile" {
  start_suspended_job 'true'
  fault refuse
  said 'retrying for up to'
  kubectl_directly delete job "$job"
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" "Job $job .*is gone: .* whether it succeeded is not known"
}

@test "V8: another Job has the name when the cluster answers again: it is not followed" {
  start_suspended_job 'true'
  fault refuse
  said 'retrying for up to'
  kubectl_directly delete job "$job"
  kubectl_directly create job "$job" --image busybox:1.37 -- true
  clear_faults
  assert_ended 1 ''
  assert_regex "$(tail --lines 1 "$BATS_TEST_TMPDIR/err")" "Job $job .*is gone: .* whether it succeeded is not known"
}

# Leads kubectl to a credential plugin in the place of a token that is valid for a second: it fails, with a message of
# the metadata server, as often as there are lines in the file `failures`.
use_plugin() { # [EXIT-CODE]
  local token
  token=$(kubectl config view --raw --minify --output 'jsonpath={.users[0].user.token}')
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  cp "$BATS_FILE_TMPDIR/kubeconfig" "$KUBECONFIG"
  touch "$BATS_TEST_TMPDIR/failures"
  cat >"$BATS_TEST_TMPDIR/gke-gcloud-auth-plugin" <<END_OF_PLUGIN
#!/bin/sh
if [ -s "$BATS_TEST_TMPDIR/failures" ]; then
  sed -i 1d "$BATS_TEST_TMPDIR/failures"
  echo failed >>"$BATS_TEST_TMPDIR/failed"
  echo 'Failed to retrieve access token: 503 Service Unavailable from the metadata server' >&2
  exit ${1:-1}
fi
cat <<END
{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
 "status": {"token": "$token", "expirationTimestamp": "\$(date -u -d '1 second' +%Y-%m-%dT%H:%M:%SZ)"}}
END
END_OF_PLUGIN
  chmod +x "$BATS_TEST_TMPDIR/gke-gcloud-auth-plugin"
  kubectl config set-credentials plugin --exec-api-version client.authentication.k8s.io/v1beta1 \
    --exec-command "$BATS_TEST_TMPDIR/gke-gcloud-auth-plugin" --exec-interactive-mode Never >/dev/null
  kubectl config set-context --current --user plugin >/dev/null
}

fail_logins() { # NUMBER
  seq "$1" >"$BATS_TEST_TMPDIR/failures"
}

logins_failed() {
  [[ ! -s $BATS_TEST_TMPDIR/failures ]]
}

@test "V1: the credential plugin fails at the first call: the run goes on" {
  use_plugin
  fail_logins 2
  start_suspended_job 'echo 1 >/dev/termination-log'
  assert logins_failed
  resume "$job"
  assert_ended 0 1
}

@test "V1: the credential plugin fails while the Job is followed: the run goes on" {
  use_plugin
  start_suspended_job 'echo 1 >/dev/termination-log'
  fail_logins 2
  fault watch:end:now
  wait_until logins_failed
  resume "$job"
  assert_ended 0 1
}

@test "V1: the credential plugin fails when the result is collected: it is returned" {
  use_plugin
  start_suspended_job 'sleep 3; echo 1 >/dev/termination-log'
  resume "$job"
  said 'is running on'
  fail_logins 2
  assert_ended 0 1
}

@test "V1: the credential plugin fails once for collect-job and poll-job alone" {
  use_plugin
  start_suspended_job 'echo 1 >/dev/termination-log'
  resume "$job"
  assert_ended 0 1
  fail_logins 1
  run_script poll-job --job "$job"
  assert_success
  assert logins_failed
  fail_logins 1
  run_script collect-job --job "$job"
  assert_success
  assert_output 1
  assert logins_failed
}

@test "V1: credentials that stay wrong end the run with 77, and soon" {
  use_plugin
  fail_logins 100000
  sed -i 's/503 Service Unavailable from the metadata server/You do not currently have an active account selected/' \
    "$BATS_TEST_TMPDIR/gke-gcloud-auth-plugin"
  local begun=$SECONDS
  run_script poll-job --job any
  assert_failure 77
  assert_regex "${stderr_lines[-1]}" 'not logged in: .*active account'
  ((SECONDS - begun < 20))
}

#!/usr/bin/env bats
# deploy-dags, with the real gcloud against a bucket that is a directory.

setup_file() {
  load test_helper
  use_storage_server
}

teardown_file() {
  load test_helper
  end_storage_server
}

setup() {
  load test_helper
  export CLOUDSDK_CONFIG=$BATS_TEST_TMPDIR/gcloud CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token
  echo owner >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  BUCKET=bucket-$BATS_TEST_NUMBER
  DAGS=${BUCKETS:?}/$BUCKET/dags
  mkdir -p "$DAGS"
}

teardown() {
  end_airflow_server
  end_silent_metadata_server
}

# A checkout that waits for no minutes, and an Airflow of the environment.
wait_for_airflow() {      # -> CHECKOUT, AIRFLOW, deployment
  export WAIT_SECONDS=120 # for a whole deployment: gcloud starts eight times
  CHECKOUT=$BATS_TEST_TMPDIR/checkout
  mkdir "$CHECKOUT"
  copy_checkout "$CHECKOUT"
  use_airflow_server "$BUCKET"
  deployment=("$CHECKOUT/scripts/deploy-dags" --environment "$BUCKET" --location europe-west4 --project ml)
}

# The last line of stderr tells that nothing of the deployment is missing but the check.
assert_not_asked() { # STATUS REGEXP
  assert_equal "$status" "$1"
  assert_regex "${stderr_lines[-1]}" "^deploy-dags: cannot check whether Airflow has parsed the DAGs: $2; the deployment \
is complete, only this check is missing: .*, and run this again, or add --async to skip it$"
  assert [ -f "$DAGS/gke_job/__init__.py" ]
}

# A checkout whose content differs from this one.
make_checkout() { # -> CHECKOUT
  CHECKOUT=$BATS_TEST_TMPDIR/checkout
  mkdir "$CHECKOUT"
  cp -r "$REPOSITORY/scripts" "$REPOSITORY/dags" "$REPOSITORY/templates" "$CHECKOUT"
  echo '# changed' >>"$CHECKOUT/scripts/run-job"
}

# The one release of the bucket.
find_release() { # -> release
  local found=("$DAGS"/gke_job_releases/v*)
  assert_equal "${#found[@]}" 1
  release=${found[0]##*/}
}

@test "a deployment is a release beside the others, and the file that names it" {
  echo 'theirs' >"$DAGS/other_team.py"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
  assert_equal "$output" ''
  local release file
  find_release
  assert_regex "$release" '^v[0-9]+_[0-9]+_[0-9]+_[0-9a-f]{12}$'
  assert_equal "${stderr_lines[0]}" "deploy-dags: release $release, used immediately; previous release: none"
  for file in dags/gke_job/operator.py dags/gke_job/.airflowignore scripts/run-job scripts/.airflowignore; do
    cmp "$REPOSITORY/$file" "$DAGS/gke_job_releases/$release/${file#dags/}"
  done
  diff -r --exclude __pycache__ "$REPOSITORY/templates" "$DAGS/gke_job_releases/$release/templates"
  assert_equal "$(find "$DAGS" -name '*.pyc')" ''
  run find "$DAGS" -mindepth 1 -maxdepth 1 -printf '%f\n'
  assert_equal "$(sort <<<"$output" | xargs)" 'gke_job gke_job_releases other_team.py'
  run "$GKE_JOB_PYTHON" -c "import sys; sys.path.append('$DAGS'); import gke_job; print(gke_job._package.__name__)"
  assert_output "gke_job_releases.$release.gke_job"
  run bash "$DAGS/gke_job_releases/$release/scripts/deploy-dags" --bucket "gs://$BUCKET"
  assert_failure 78
  assert_output --partial 'deploy from a checkout of the toolkit'

  # The same again.
  run_script deploy-dags --bucket "gs://$BUCKET/dags/"
  assert_success
  assert_equal "$stderr" 'deploy-dags: nothing changes'
}

@test "another release lists what changes, leaves the one before as it is, and going back is one command" {
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
  local release before after CHECKOUT
  find_release
  before=$(cd "$DAGS/gke_job_releases/$release" && find . -type f -printf '%p %T@ %s\n' | sort)
  make_checkout
  run bash "$CHECKOUT/scripts/deploy-dags" --bucket "gs://$BUCKET" --dry-run
  assert_success
  assert_line --partial 'previous release: '"$release"
  assert_line 'deploy-dags: changes scripts/run-job'
  refute_line --partial 'scripts/submit-job'
  find_release # nothing was copied
  run bash "$CHECKOUT/scripts/deploy-dags" --bucket "gs://$BUCKET"
  assert_success
  assert_line --regexp "^deploy-dags: release v[0-9a-f_]*, used 5 min after it is copied; previous release: $release$"
  assert_line --regexp "^deploy-dags: DAGs use release v[0-9a-f_]* from [0-9:]{8} UTC on$"
  assert_equal "$(cd "$DAGS/gke_job_releases/$release" && find . -type f -printf '%p %T@ %s\n' | sort)" "$before"
  after=$(sed -n 's/.*{"releases": {"\(v[0-9a-f_]*\)": .*/\1/p' "$DAGS/gke_job/__init__.py")
  cmp "$CHECKOUT/scripts/run-job" "$DAGS/gke_job_releases/$after/scripts/run-job"

  run_script deploy-dags --bucket "gs://$BUCKET" --use "$release"
  assert_success
  assert_equal "${stderr_lines[0]}" "deploy-dags: release $release, used immediately; previous release: $after"
  grep "^DEPLOYED: .*\"releases\": {\"$release\": 0, \"$after\": [0-9]*}" "$DAGS/gke_job/__init__.py"

  run_script deploy-dags --bucket "gs://$BUCKET" --use nope
  assert_equal "$status" 78
  assert_regex "$stderr" "^deploy-dags: release nope is not in dags/gke_job_releases; available: .*$release"
  run_script deploy-dags --bucket "gs://$BUCKET" --use 'v*'
  assert_equal "$status" 78
  assert_regex "$stderr" '^deploy-dags: release v[*] is not in dags/gke_job_releases'
  run_script deploy-dags --bucket "gs://$BUCKET" --use $'v1\n\e[2J'
  assert_one_error 78 '^deploy-dags: release v1\\n\\x1b\[2J is not in dags/gke_job_releases'

  local folder=$DAGS/gke_job_releases/$after
  rm "$folder/scripts/run-job"
  printf x | dd of="$folder/scripts/submit-job" conv=notrunc status=none # as long as before
  run_script deploy-dags --bucket "gs://$BUCKET" --use "$after"
  assert_one_error 78 "^deploy-dags: release $after in the bucket cannot be used: scripts/run-job is missing, \
scripts/submit-job differs; deploy it again from its checkout, or use another one$"
  : >"$folder/MANIFEST"
  run_script deploy-dags --bucket "gs://$BUCKET" --use "$after"
  assert_one_error 78 "^deploy-dags: release $after in the bucket cannot be used: MANIFEST is damaged: its hash"
  grep --quiet "^DEPLOYED: .*\"releases\": {\"$release\": 0, " "$DAGS/gke_job/__init__.py"
}

@test "examples and plugins are copied on request, and examples are removed without it" {
  run_script deploy-dags --bucket "gs://$BUCKET" --examples --plugin
  assert_success
  cmp "$REPOSITORY/dags/gke_job/links.py" "$DAGS/../plugins/gke_job_links.py"
  cmp "$REPOSITORY/dags/gke_job/triggerer_path.py" "$DAGS/../plugins/gke_job_triggerer_path.py"
  diff -r --exclude __pycache__ "$REPOSITORY/dags/examples" "$DAGS/gke_job_examples"
  echo 'changed' >"$DAGS/gke_job_examples/sweep.py"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
  assert_regex "$stderr" 'removes dags/gke_job_examples/train_model.py'
  assert_equal "$(ls "$DAGS/gke_job_examples")" sweep.py
  assert [ -e "$DAGS/../plugins/gke_job_links.py" ]
}

@test "--environment finds the bucket, and --prefix gives a team a folder of its own" {
  run_script deploy-dags --environment "$BUCKET" --location europe-west4 --project ml --prefix churn --async
  assert_success
  assert [ -f "$DAGS/churn/gke_job/__init__.py" ]
  assert_equal "$(ls "$DAGS")" churn
}

@test "with --environment it waits until Airflow has parsed each active DAG with the release" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  sed 's/NOW/2026-01-01T00:00:00Z/; s/^\[/[{"dag_id": "gone", "is_stale": true},{"dag_id": "x", "fileloc": "x\\u001b", "last_parsed_time": "NOW"},/' \
    "$AIRFLOW/dags" >"$AIRFLOW/old"
  mv "$AIRFLOW/old" "$AIRFLOW/dags"
  bash "${deployment[@]}" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
  wait_until grep --quiet 'deploy-dags: 1 of 2 DAGs are parsed; not yet: ours.py' "$BATS_TEST_TMPDIR/said"
  assert [ -f "$DAGS/gke_job/__init__.py" ]
  sed 's/2026-01-01T00:00:00Z/NOW/' "$AIRFLOW/dags" >"$AIRFLOW/new"
  mv "$AIRFLOW/new" "$AIRFLOW/dags"
  wait_for $!
  assert_equal "$status" 0
  local release
  find_release
  assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/said")" "deploy-dags: done: Airflow has parsed 2 DAGs with release $release"
  assert_equal "$(head -n 1 "$AIRFLOW/requests")" '/api/v2/dags?limit=100&offset=0&order_by=dag_id'
  assert grep --quiet --line-regexp '/api/v2/importErrors?limit=100&offset=0&order_by=import_error_id' "$AIRFLOW/requests"

  # The same again, and back.
  rm "$AIRFLOW/requests"
  run --separate-stderr bash "${deployment[@]}" --use "$release" --dry-run
  assert_success
  run --separate-stderr bash "${deployment[@]}" --async
  assert_success
  assert_equal "$stderr" 'deploy-dags: nothing changes'
  assert [ ! -e "$AIRFLOW/requests" ]
  run --separate-stderr bash "${deployment[@]}"
  assert_success
  assert_equal "${stderr_lines[-1]}" "deploy-dags: done: Airflow has parsed 2 DAGs with release $release"
  assert [ -e "$AIRFLOW/requests" ]
}

@test "DAGs that cannot import the release are exit 65, and those of other errors are not waited for" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  echo '[{"dag_id": "a", "relative_fileloc": "theirs.py", "last_parsed_time": null},
    {"dag_id": "b", "relative_fileloc": "b.py", "last_parsed_time": "NOW"}]' >"$AIRFLOW/dags"
  cat >"$AIRFLOW/importErrors" <<'JSON'
[{"filename": "theirs.py", "timestamp": "NOW", "stack_trace": "ImportError: x"},
 {"filename": "/home/airflow/gcs/dags/ours.py", "timestamp": "NOW", "stack_trace": "a\nImportError: gke_job::group::\n"}]
JSON
  run --separate-stderr bash "${deployment[@]}"
  assert_equal "$status" 65
  assert_equal "${stderr_lines[-3]}" 'deploy-dags: ours.py: ImportError: gke_job: :group::'
  assert_regex "${stderr_lines[-2]}" '^deploy-dags: done: Airflow has parsed 1 DAGs with release v'
  assert_equal "${stderr_lines[-1]}" "deploy-dags: 1 DAG files cannot be imported, see above: they use the toolkit, or \
the error is new; correct them, or roll back with --use"
  refute_regex "$stderr" theirs
}

@test "what is not parsed within --timeout is exit 124, and the release stays in the bucket" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  sed -i 's/NOW/2026-01-01T00:00:00Z/' "$AIRFLOW/dags"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_equal "$status" 124
  assert_regex "${stderr_lines[-1]}" '^deploy-dags: Airflow has not parsed ours.py within 1 s: 0 of 1 DAGs are parsed; '
  assert_regex "${stderr_lines[-1]}" '; release v[0-9a-f_]* is in the bucket: see the log of the DAG processor'
  assert [ -f "$DAGS/gke_job/__init__.py" ]
}

@test "an Airflow that cannot be asked is exit 77, 69 or 78, and the deployment is complete" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  : >"$AIRFLOW/page"
  echo 302 >"$AIRFLOW/status"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 77 'it redirects to another page, such as a login page: HTTP 302'
  refute grep --quiet login "$AIRFLOW/requests"
  echo '<html>' >"$AIRFLOW/page"
  echo 200 >"$AIRFLOW/status"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 77 'it returns an HTML page, such as a login page, instead of JSON'
  echo 503 >"$AIRFLOW/status"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 69 'HTTP 503'
  rm "$AIRFLOW/status"
  echo without-role >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  run --separate-stderr bash "${deployment[@]}"
  assert_not_asked 77 'permission denied: HTTP 403 not you'
  echo owner >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  printf http://127.0.0.1:9 >"$BUCKETS/$BUCKET.airflow"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 69 'no answer: .*refused.*'
  printf http://airflow.example:80 >"$BUCKETS/$BUCKET.airflow" # not encrypted
  run --separate-stderr bash "${deployment[@]}"
  assert_not_asked 78 "the environment has an invalid web server address 'http://airflow.example:80'"
}

@test "an odd answer of Airflow is reported and does not end the wait" {
  local CHECKOUT AIRFLOW deployment answer said=$BATS_TEST_TMPDIR/said
  wait_for_airflow
  echo '<html>' >"$AIRFLOW/page"
  echo 404 >"$AIRFLOW/status"
  bash "${deployment[@]}" >"$said" 2>&1 3>&- &
  wait_until grep --quiet 'cannot query Airflow: it has no such REST API: HTTP 404; retrying' "$said"
  for answer in 'HTTP 302' 'HTTP 500' '200 not with JSON'; do
    echo "${answer//[^0-9]/}" >"$AIRFLOW/next"
    mv "$AIRFLOW/next" "$AIRFLOW/status"
    wait_until grep --quiet "cannot query Airflow: .*${answer#200 }; retrying" "$said"
  done
  rm "$AIRFLOW/status"
  wait_for $!
  assert_equal "$status" 0
  assert_regex "$(tail -n 1 "$said")" '^deploy-dags: done: Airflow has parsed 1 DAGs with release v'
}

@test "another deployment during the wait ends it with 65" {
  local CHECKOUT AIRFLOW deployment release other=v0_0_0_aaaaaaaaaaaa said=$BATS_TEST_TMPDIR/said
  wait_for_airflow
  sed -i 's/NOW/2026-01-01T00:00:00Z/' "$AIRFLOW/dags"
  bash "${deployment[@]}" >"$said" 2>&1 3>&- &
  wait_until grep --quiet 'deploy-dags: 0 of 1 DAGs are parsed' "$said"
  find_release
  sed "s/$release/$other/" "$DAGS/gke_job/__init__.py" >"$BATS_TEST_TMPDIR/pointer"
  mv "$BATS_TEST_TMPDIR/pointer" "$DAGS/gke_job/__init__.py"
  wait_for $!
  assert_equal "$status" 65
  assert_regex "$(tail -n 1 "$said")" "^deploy-dags: DAGs do not use release $release any more: \
gs://$BUCKET/dags/gke_job/__init__.py now names $other, set by another deployment or --use"
}

@test "times are those of Cloud Storage and Airflow, whatever the clock of this machine says" {
  local CHECKOUT AIRFLOW deployment since ahead
  wait_for_airflow
  for ahead in -7200 7200; do
    echo "# $ahead" >>"$CHECKOUT/scripts/run-job"
    echo "$ahead" | tee "$AIRFLOW/clock" >"$BUCKETS/clock"
    run --separate-stderr bash "${deployment[@]}" --timeout 60
    assert_success
  done
  rm "$BUCKETS/clock"
  since=$(sed -n 's/.*{"releases": {"v[0-9a-f_]*": \([0-9]*\), .*/\1/p' "$DAGS/gke_job/__init__.py")
  assert [ "$since" -ge $(($(date +%s) + 3600)) ]
}

@test "interrupted while it waits it tells that the release is in the bucket, and leaves nothing behind" {
  local CHECKOUT AIRFLOW deployment signal expected said=$BATS_TEST_TMPDIR/said
  wait_for_airflow
  sed -i 's/NOW/2026-01-01T00:00:00Z/' "$AIRFLOW/dags"
  for signal in INT TERM; do
    # A background process of this shell ignores INT.
    GKE_JOB_TEST_MARK=$BUCKET TMPDIR=$BATS_TEST_TMPDIR "$GKE_JOB_PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("bash", ["bash", *sys.argv[1:]])' "${deployment[@]}" >"$said" 2>&1 3>&- &
    wait_until grep --quiet 'deploy-dags: 0 of 1 DAGs are parsed' "$said"
    kill -"$signal" $!
    wait_for $!
    expected=143
    [[ $signal == TERM ]] || expected=130
    assert_equal "$status" "$expected"
    assert_equal "$(tail -n 1 "$said")" \
      'deploy-dags: interrupted: the release is in the bucket; run this again to continue waiting'
    wait_until none_marked "$BUCKET"
  done
  assert_equal "$(compgen -G "$BATS_TEST_TMPDIR/deploy-dags.*")" ''
}

@test "killed while gcloud makes a token for the wait it leaves nothing behind" {
  local CHECKOUT AIRFLOW deployment signal
  wait_for_airflow
  mkdir "$BATS_TEST_TMPDIR/bin"
  # A gcloud that makes no token.
  # shellcheck disable=SC2016 # for that shell
  printf '#!/bin/sh\n[ "$1" != auth ] || { echo "$$" >%q; exec sleep 1000; }\nexec %q "$@"\n' \
    "$BATS_TEST_TMPDIR/asked" "$(type -P gcloud)" >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  for signal in TERM KILL; do
    PATH=$BATS_TEST_TMPDIR/bin:$PATH GKE_JOB_TEST_MARK=$BUCKET bash "${deployment[@]}" >/dev/null 2>&1 3>&- &
    wait_until test -s "$BATS_TEST_TMPDIR/asked"
    kill -"$signal" $!
    wait_until none_marked "$BUCKET"
    rm "$BATS_TEST_TMPDIR/asked"
  done
}

@test "--check imports the DAGs that use the toolkit, and copies nothing when one cannot be imported" {
  printf '# airflow dag\nfrom %s import %s\n' gke_job Nothing >"$DAGS/ours.py"
  printf '# airflow dag\nfrom %s import %s\n' elsewhere Nothing >"$DAGS/theirs.py"
  printf 'import os; from gke_job import GkeJobOperator\nGkeJobOperator.nothing\n' >"$DAGS/helper.py"
  printf '# airflow dag\nimport helper\n' >"$DAGS/indirect.py"
  mkdir "$DAGS/directory.py"
  touch "$DAGS/directory.py/file"
  run_script deploy-dags --bucket "gs://$BUCKET" --check
  assert_equal "$status" 65
  assert_regex "$stderr" "ours.py: ImportError: cannot import name 'Nothing' from 'gke_job'"
  assert_regex "$stderr" "indirect.py: AttributeError: type object 'GkeJobOperator' has no attribute 'nothing'"
  refute_regex "$stderr" 'theirs|Traceback'
  assert [ ! -e "$DAGS/gke_job" ]

  printf '# airflow dag\nfrom %s import %s\n' gke_job GkeJobOperator >"$DAGS/ours.py"
  rm "$DAGS/indirect.py"
  sed -i '2d' "$DAGS/helper.py" # a module that Airflow takes for no DAG file
  printf '# AirFlow DAG\nimport helper\n' >"$DAGS/second.py"
  printf '# airflow\nimport helper\n' >"$DAGS/other_helper.py"
  run_script deploy-dags --bucket "gs://$BUCKET" --check --dry-run
  assert_success
  assert_equal "${stderr_lines[-1]}" 'deploy-dags: 2 of 2 DAG files that import gke_job can be imported'
}

# A gcloud that runs a shell command before or after it copies releases.
use_gcloud_that() { # SHELL-COMMAND-BEFORE SHELL-COMMAND-AFTER
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\ncase "$*" in *"storage cp --recursive"*) ;; *) exec %q "$@" ;; esac\n%s\n%q "$@" || exit\n%s\n' \
    "$(type -P gcloud)" "$1" "$(type -P gcloud)" "$2" >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
}

@test "of two deployments at once, the one that ends later is refused, and changes nothing for DAGs" {
  local CHECKOUT
  make_checkout
  use_gcloud_that "PATH=$(printf %q "$PATH") bash $CHECKOUT/scripts/deploy-dags --bucket gs://$BUCKET || exit" \
    "cp $DAGS/gke_job/__init__.py $BATS_TEST_TMPDIR/before"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run_script deploy-dags --bucket "gs://$BUCKET"
  assert_equal "$status" 65
  assert_equal "${stderr_lines[-1]}" "deploy-dags: cannot write gs://$BUCKET/dags/gke_job/__init__.py: another deployment \
has changed the object in the meantime: nothing has changed for DAGs; run this again when the other one has ended"
  cmp "$BATS_TEST_TMPDIR/before" "$DAGS/gke_job/__init__.py"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
}

@test "the five minutes begin with the copy, and a name that is two addresses removes nothing else" {
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
  local release CHECKOUT since folder old=v1_0_0_aaaaaaaaaaaa
  find_release
  sed -i "s/\"retired\": {}/\"retired\": {\"$old\": 1}/" "$DAGS/gke_job/__init__.py"
  folder=$DAGS/gke_job_releases/$old
  mkdir -p "$folder/scripts"
  touch "$folder/scripts/run-job" "$folder/*" "$folder/"$'x\ngs:' "$DAGS/theirs.py"
  make_checkout
  use_gcloud_that : "date +%s >$BATS_TEST_TMPDIR/copied"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run --separate-stderr bash "$CHECKOUT/scripts/deploy-dags" --bucket "gs://$BUCKET"
  assert_success
  since=$(sed -n 's/.*{"releases": {"v[0-9a-f_]*": \([0-9]*\), .*/\1/p' "$DAGS/gke_job/__init__.py")
  assert [ "$since" -ge $(($(<"$BATS_TEST_TMPDIR/copied") + 300)) ]
  assert_regex "$stderr" "deploy-dags: keeps objects that belong to no release: dags/gke_job_releases/$old/[*], .*/x\\\\ngs:"
  assert [ ! -e "$folder/scripts/run-job" ]
  assert [ -e "$folder/*" ]
  assert [ -e "$DAGS/theirs.py" ]
}

@test "a deployment that is broken off changes nothing for DAGs" {
  mkdir -p "$BATS_TEST_TMPDIR/bin" "$DAGS/gke_job"
  echo 'of a release before' >"$DAGS/gke_job/__init__.py"
  # A gcloud that fails when the releases are to be copied.
  printf '#!/bin/sh\ncase "$*" in *"storage cp --recursive"*) exit 1 ;; esac\nexec %q "$@"\n' "$(type -P gcloud)" \
    >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run_script deploy-dags --bucket "gs://$BUCKET"
  assert_failure
  assert_equal "$(<"$DAGS/gke_job/__init__.py")" 'of a release before'
}

@test "it works from any directory, without run bits" {
  local CHECKOUT
  make_checkout
  chmod -R a-x,a+X "$CHECKOUT/scripts"
  cd /
  run bash "$CHECKOUT/scripts/deploy-dags" --bucket "gs://$BUCKET"
  assert_success
  assert [ -f "$DAGS/gke_job/__init__.py" ]
}

@test "a file that names releases and was changed by hand is exit 65" {
  local release
  mkdir "$DAGS/gke_job"
  for release in '"../x": 0' '"v1_0_0_aaaaaaaaaaaa": 99999999999999' "\"v1_0_0_aaaaaaaaaaaa\": $(($(date +%s) + 100000))"; do
    echo "DEPLOYED: dict[str, Any] = {\"releases\": {$release}, \"retired\": {}, \"examples\": {}}" >"$DAGS/gke_job/__init__.py"
    run_script deploy-dags --bucket "gs://$BUCKET"
    assert_one_error 65 '^deploy-dags: dags/gke_job/__init__.py in the bucket has unexpected content: '
  done
}

@test "a bucket or environment that does not exist is exit 78" {
  run_script deploy-dags --bucket gs://missing
  assert_equal "$status" 78
  assert_regex "${stderr_lines[-1]}" '^deploy-dags: cannot list gs://missing/dags/: no such bucket: compare with: '
  run_script deploy-dags --environment missing --location europe-west4 --project ml
  assert_one_error 78 '^deploy-dags: cannot find the bucket of environment missing in europe-west4: no such environment: '
}

@test "an account that may not is exit 77" {
  echo stranger >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_equal "$status" 77
  assert_regex "${stderr_lines[-1]}" 'permission denied: .*; grant this account roles/storage.objectUser'
  run_script deploy-dags --environment "$BUCKET" --location europe-west4 --project ml
  assert_one_error 77 'permission denied: .*; grant this account roles/composer.user'
}

@test "without a permission of templates/access it is 77, and DAGs keep their release" {
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
  local permission permissions CHECKOUT
  permissions=$(sed -n 's/^  - \(storage[^ ]*\).*/\1/p' "$REPOSITORY/templates/access/iam/deploy-bucket.yaml")
  make_checkout
  cp "$DAGS/gke_job/__init__.py" "$BATS_TEST_TMPDIR/before"
  for permission in $permissions; do
    echo "without-$permission" >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
    run --separate-stderr bash "$CHECKOUT/scripts/deploy-dags" --bucket "gs://$BUCKET"
    assert_equal "$permission $status" "$permission 77"
    assert_regex "${stderr_lines[-1]}" "permission denied: .*$permission"
    cmp "$DAGS/gke_job/__init__.py" "$BATS_TEST_TMPDIR/before"
  done
  assert_equal "$(wc -w <<<"$permissions")" 4
}

@test "without a login it is exit 77" {
  unset CLOUDSDK_AUTH_ACCESS_TOKEN_FILE "${!GCE_METADATA_@}"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_equal "$status" 77
  assert_regex "${stderr_lines[-1]}" 'not logged in: .*gcloud auth login'
}

@test "wrong options are exit 64" {
  run_script deploy-dags --bucket europe-prod
  assert_one_error 64 "^deploy-dags: option --bucket is 'europe-prod': it must be"
  run_script deploy-dags
  assert_one_error 64 '^deploy-dags: no bucket: write --environment NAME --location REGION, or --bucket'
  run_script deploy-dags --environment prod
  assert_one_error 64 '^deploy-dags: option --location is missing'
  run_script deploy-dags --environment prod --location x --bucket gs://bucket
  assert_one_error 64 '^deploy-dags: --environment and --bucket both name a bucket'
  run_script deploy-dags --bucket gs://bucket --timeout 60
  assert_one_error 64 '^deploy-dags: --timeout requires --environment: --bucket names no Airflow to wait for'
  run_script deploy-dags --environment prod --location x --timeout soon
  assert_one_error 64 "^deploy-dags: option --timeout is 'soon': it must be a whole number"
  run_script deploy-dags --bucket gs://bucket --prefix ../x
  assert_one_error 64 "^deploy-dags: option --prefix is '../x': it must be a Python identifier"
  run_script deploy-dags --bucket gs://bucket --use v1 --examples
  assert_one_error 64 '^deploy-dags: --use copies nothing'
  run_script deploy-dags --bucket "gs://$BUCKET" --prefix json
  assert_one_error 64 "^deploy-dags: option --prefix is 'json': Python has a module of that name"
  run_script deploy-dags --bucket "gs://$BUCKET" --prefix yaml # of site-packages
  assert_one_error 64 "^deploy-dags: option --prefix is 'yaml': Python has a module of that name"
  run_script deploy-dags --bucket "gs://$BUCKET" --prefix __pycache__
  assert_one_error 64 "^deploy-dags: option --prefix is '__pycache__': "
}

@test "a metadata server that does not answer is named, before gcloud waits for it: 69" {
  use_silent_metadata_server
  unset CLOUDSDK_AUTH_ACCESS_TOKEN_FILE
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_one_error 69 'deploy-dags: cannot get credentials: the metadata server 127.0.0.1:[0-9]+ did not answer within 5 s'
}

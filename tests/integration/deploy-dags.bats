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
  load deployment_helper
  use_bucket
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
  run "$GKE_JOB_PYTHON" -B -c "import sys; sys.path.append('$DAGS'); import gke_job; print(gke_job._package.__name__)"
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

@test "it works from any directory, without run bits" {
  local CHECKOUT
  make_checkout
  chmod -R a-x,a+X "$CHECKOUT/scripts"
  cd /
  run bash "$CHECKOUT/scripts/deploy-dags" --bucket "gs://$BUCKET"
  assert_success
  assert [ -f "$DAGS/gke_job/__init__.py" ]
}

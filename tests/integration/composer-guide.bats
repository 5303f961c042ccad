#!/usr/bin/env bats
# The commands of dags/COMPOSER.md that need no Google Cloud: in their order, in a checkout, with the real gcloud.

setup_file() {
  load test_helper
  use_own_namespace
  use_storage_server
}

teardown_file() {
  load test_helper
  end_storage_server
}

setup() {
  load test_helper
}

teardown() {
  end_airflow_server
}

@test "the commands of the guide run a Job, deploy, parse a DAG and return to an older release" {
  local version
  version=$("$GKE_JOB_PYTHON" -c 'from importlib.metadata import version; print(version("apache-airflow"))')
  [[ $version == 3.3.* ]] || skip "the environment of the storage server has Airflow 3.3, and --check wants the same"
  cd "$BATS_TEST_TMPDIR"
  copy_checkout .
  local AIRFLOW
  use_airflow_server prod
  mkdir -p "$BUCKETS/prod/dags" blocks
  echo no program | tee kubectl >gke-gcloud-auth-plugin # the files in the bucket are not run
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/composer_guide.py" blocks
  mv blocks/first_job.py .
  export COMPOSER_PROJECT=ml COMPOSER_LOCATION=europe-west4 ENVIRONMENT=prod WORKER=airflow@ml.iam.gserviceaccount.com
  export CLUSTER_PROJECT=$LOCALGKE_PROJECT LOCATION=$LOCALGKE_LOCATION CLUSTER=$LOCALGKE_CLUSTER NAMESPACE RELEASE=''
  local block releases
  for block in blocks/*.sh; do
    # The bucket must have a release when the guide returns to one.
    releases=("$BUCKETS"/prod/dags/gke_job_releases/v*)
    RELEASE=${releases[0]##*/}
    run --separate-stderr bash -o errexit -o nounset -o pipefail "$block"
    assert_success
    ! grep -q 'deploy-dags.*--use' "$block" || assert_regex "$stderr" 'done: Airflow has parsed 1 DAGs with release'
    ! grep -q run-job "$block" || assert_output '{"answer":42}'
  done
  assert [ -f "$BUCKETS/prod/dags/gke_job/__init__.py" ]
  assert [ -s "$AIRFLOW/requests" ]
  assert [ -f "$BUCKETS/prod/data/gke-job-tools/kubectl" ]
  assert [ -f "$BUCKETS/prod/plugins/gke_job_triggerer_path.py" ]
  assert [ -f "$BUCKETS/prod/dags/gke_job_examples/prepare_train_load.py" ]
  cmp first_job.py "$BUCKETS/prod/dags/first_job.py"
}

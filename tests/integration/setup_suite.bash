# One stand-in for GKE serves all files; each file uses its own namespace.

setup_suite() {
  export GKE_JOB_PYTHON=${GKE_JOB_PYTHON:?is not set: run the tests with make test}
  export LOCALGKE_STATE=$BATS_SUITE_TMPDIR/localgke
  "$GKE_JOB_PYTHON" -m localgke start --state "$LOCALGKE_STATE"
  # shellcheck disable=SC1091 # written by the stand-in
  source "$LOCALGKE_STATE/env"
  unset "${!AIRFLOW_CTX_@}" GKE_JOB_MAP_INDEX GKE_JOB_AIRFLOW_ENVIRONMENT COMPOSER_ENVIRONMENT
}

teardown_suite() {
  "$GKE_JOB_PYTHON" -m localgke stop --state "$LOCALGKE_STATE"
}

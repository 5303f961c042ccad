# shellcheck shell=bash
# Shared by the make targets demo, dag, cluster and airflow: a cluster, and an Airflow with only this checkout's DAGs.
# To be sourced; make sets PATH, PYTHONPATH, AIRFLOW_VERSION and GKE_JOB_PYTHON, the Python of the venv.
set -o errexit -o nounset -o pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
AIRFLOW=$(dirname "$GKE_JOB_PYTHON")/airflow
readonly REPOSITORY AIRFLOW

source "$REPOSITORY/tests/dev/clusters.bash"

say() { # MESSAGE...
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Sets up an Airflow without DAGs. Its database is made once, and again after a change of the pins.
prepare_airflow() { # NAME: each name has its own database
  local pins=$REPOSITORY/tests/requirements/airflow-$AIRFLOW_VERSION.txt
  export AIRFLOW_HOME=$REPOSITORY/.build/airflow-home-$1-$AIRFLOW_VERSION
  export AIRFLOW__CORE__DAGS_FOLDER=$AIRFLOW_HOME/dags AIRFLOW__CORE__LOAD_EXAMPLES=False
  export PYTHONWARNINGS=ignore # Airflow warns on every start
  # airflow.cfg has absolute paths, which are wrong after the checkout has moved.
  if [[ ! $AIRFLOW_HOME/migrated -nt $pins || $(<"$AIRFLOW_HOME/migrated") != "$AIRFLOW_HOME" ]]; then
    say "making Airflow's database in $AIRFLOW_HOME"
    mkdir -p "$AIRFLOW_HOME"
    rm -f -- "$AIRFLOW_HOME/airflow.cfg"
    "$AIRFLOW" db migrate >"$AIRFLOW_HOME/migrate.log" 2>&1 || {
      cat "$AIRFLOW_HOME/migrate.log" >&2
      return 1
    }
    printf '%s\n' "$AIRFLOW_HOME" >"$AIRFLOW_HOME/migrated"
  fi
}

# Makes the DAG folder with this checkout's DAGs, except the example that needs Google's provider, which is not installed.
make_dags_folder() {
  rm -rf -- "$AIRFLOW__CORE__DAGS_FOLDER"
  mkdir "$AIRFLOW__CORE__DAGS_FOLDER"
  ln -s "$REPOSITORY"/dags/* "$AIRFLOW__CORE__DAGS_FOLDER"
  echo prepare_train_load.py >"$AIRFLOW__CORE__DAGS_FOLDER/.airflowignore"
}

# shellcheck shell=bash
# What the Makefile's demo, cluster and airflow share: a cluster, and an Airflow of this checkout alone.
# Sourced; make sets PATH, PYTHONPATH, AIRFLOW_VERSION and GKE_JOB_PYTHON, the Python of the venv.
set -o errexit -o nounset -o pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
AIRFLOW=$(dirname "$GKE_JOB_PYTHON")/airflow
readonly REPOSITORY AIRFLOW

source "$REPOSITORY/tests/dev/clusters.bash"

say() { # MESSAGE...
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# An Airflow with nothing but this checkout's DAGs; its database is made once and then only after new pins.
prepare_airflow() { # NAME: what is started under another one has a database of its own
  local pins=$REPOSITORY/tests/requirements/airflow-$AIRFLOW_VERSION.txt
  export AIRFLOW_HOME=$REPOSITORY/.build/airflow-home-$1-$AIRFLOW_VERSION
  export AIRFLOW__CORE__DAGS_FOLDER=$AIRFLOW_HOME/dags AIRFLOW__CORE__LOAD_EXAMPLES=False
  export PYTHONWARNINGS=ignore # Airflow's own, on every start
  # airflow.cfg has paths of the checkout, which may have been moved.
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

# The folder of DAGs: this checkout's, without the example that needs Google's provider, which these Airflows lack.
make_dags_folder() {
  rm -rf -- "$AIRFLOW__CORE__DAGS_FOLDER"
  mkdir "$AIRFLOW__CORE__DAGS_FOLDER"
  ln -s "$REPOSITORY"/dags/* "$AIRFLOW__CORE__DAGS_FOLDER"
  echo prepare_train_load.py >"$AIRFLOW__CORE__DAGS_FOLDER/.airflowignore"
}

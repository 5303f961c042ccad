# shellcheck shell=bash
# The clusters of the tests and the demo. To be sourced; make sets PYTHONPATH and GKE_JOB_PYTHON, the Python of the venv.
#
#   localgke  the stand-in for GKE, started for this script
#   k8s       the real Kubernetes of tests/dev/k8s: the one of `make k8s` if it runs, otherwise started for this script
#   current   kubectl's current context, the user's own cluster
#
#   trap leave_test_cluster EXIT
#   use_test_cluster NAME [CONFIG]    CONFIG: a cluster.yaml for localgke instead of its own

BUILD=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.build
CLUSTER_STATE='' # the state directory of the cluster in use; empty for `current`
started=''       # the Python module of the cluster, if this script started it
readonly BUILD
export CLUSTER_STATE

# Configures gcloud and kubectl for the cluster. KUBECONFIG is a copy of the user's file, so tests may change it.
use_test_cluster() { # localgke|k8s|current [CONFIG]
  case $1 in
    localgke)
      CLUSTER_STATE=$(mktemp --directory "$BUILD/localgke.XXXXXX")
      start_cluster localgke ${2:+--config "$2"}
      ;;
    k8s)
      CLUSTER_STATE=$BUILD/k8s/state
      [[ -e $CLUSTER_STATE/ready ]] || start_cluster k8s
      ;;
    current)
      private_directory=$(mktemp --directory "$BUILD/kubeconfig.XXXXXX") # not readable by other users
      kubectl config view --raw --minify --flatten >"$private_directory/kubeconfig"
      export KUBECONFIG=$private_directory/kubeconfig
      return
      ;;
    *)
      printf '%s: unknown cluster %s: use localgke, k8s or current\n' "${0##*/}" "$1" >&2
      return 64
      ;;
  esac
  export CLUSTER_STATE
  # shellcheck disable=SC1091 # written by the cluster
  source "$CLUSTER_STATE/env"
}

start_cluster() { # MODULE [OPTION...]
  started=$1
  "$GKE_JOB_PYTHON" -m "$1" start --state "$CLUSTER_STATE" "${@:2}"
}

# Stops the cluster that use_test_cluster started.
leave_test_cluster() {
  [[ -z ${private_directory-} ]] || rm -rf -- "$private_directory"
  [[ -z $started ]] || "$GKE_JOB_PYTHON" -m "$started" stop --state "$CLUSTER_STATE"
}

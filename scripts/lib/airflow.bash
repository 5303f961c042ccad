# shellcheck shell=bash
# What makes the log of an Airflow task easier to read.

folded='' # whether a group is open

# What follows is one line in Airflow's UI until it is clicked, up to `unfold`. By hand there is nothing to fold.
fold() { # TITLE
  [[ ${AIRFLOW_CTX_DAG_ID-} ]] || return 0
  folded=yes
  printf '::group::%s\n' "$1" >&2
}

unfold() {
  [[ ! $folded ]] || printf '::endgroup::\n' >&2 2>/dev/null || true
  folded=''
}

# Says where the Google Cloud console shows the Job, and how to find its logs, which stay there when its Pods are gone.
print_links() { # PROJECT LOCATION CLUSTER NAMESPACE JOB
  local console=https://console.cloud.google.com query
  log "console: $console/kubernetes/job/$2/$3/$4/$5/details?project=$1"
  query="resource.type=\"k8s_container\" resource.labels.location=\"$2\" resource.labels.cluster_name=\"$3\""
  query+=" resource.labels.namespace_name=\"$4\" labels.\"k8s-pod/job-name\"=\"$5\""
  log "Cloud Logging: $query"
  query=${query// /%0A} query=${query//\"/%22} query=${query//=/%3D}
  log "that is $console/logs/query;query=${query//\//%2F}?project=$1"
}

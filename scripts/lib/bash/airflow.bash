# shellcheck shell=bash
# Links from the log of an Airflow task to the Google Cloud console.

# Logs the links to the Job and to its logs, which Cloud Logging keeps after its Pods are removed.
airflow::print_links() { # PROJECT LOCATION CLUSTER NAMESPACE JOB
  local console=https://console.cloud.google.com query
  log "console: $console/kubernetes/job/$2/$3/$4/$5/details?project=$1"
  query="resource.type=\"k8s_container\" resource.labels.location=\"$2\" resource.labels.cluster_name=\"$3\""
  query+=" resource.labels.namespace_name=\"$4\" labels.\"k8s-pod/job-name\"=\"$5\""
  log "Cloud Logging: $query"
  query=${query// /%0A} query=${query//\"/%22} query=${query//=/%3D}
  query="$console/logs/query;query=${query//\//%2F}?project=$1"
  common::tell_caller logs "$query"
  log "logs: $query"
}

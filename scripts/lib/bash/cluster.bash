# shellcheck shell=bash
# Selects the cluster of a script, and loads the functions that read from it and write to it.
source "$SCRIPTS/lib/bash/access.bash"
source "$SCRIPTS/lib/bash/processes.bash"
source "$SCRIPTS/lib/bash/signals.bash"
source "$SCRIPTS/lib/bash/private_dir.bash"
source "$SCRIPTS/lib/bash/deadline.bash"
source "$SCRIPTS/lib/bash/connection.bash"
source "$SCRIPTS/lib/bash/change.bash"

# The options of every script that connects to a cluster.
# shellcheck disable=SC2034 # not used by check-setup, which has no --unreachable-timeout
readonly CLUSTER_OPTIONS="$ACCESS_OPTIONS context namespace unreachable-timeout" CLUSTER_FLAGS=$ACCESS_FLAGS
shared_help+=$access_help

# Selects the cluster. For a GKE cluster it gets a private kubeconfig from get-credentials; otherwise it uses --context or the
# current context. A stage of run-job uses the kubeconfig and context of run-job. Call it once, after private_dir::make.
# Sets: kubectl_options, the options of kubectl for context and namespace; option[namespace].
# Exports, for the stages of run-job: GKE_JOB_CLUSTER, GKE_JOB_CLUSTER_OPTIONS, GKE_JOB_NAMESPACE.
cluster::use() {
  common::require_tools kubectl
  options::require_seconds unreachable-timeout
  export GOMAXPROCS=1 # kubectl then needs half the processor time
  export GOGC=400     # and a fifth less: it runs too briefly to need garbage collection
  export KUBERC=off   # no defaults of the user: some, such as delete --interactive, exclude --raw
  kubectl_options=()
  access::require
  # For the summary of the run.
  common::is_stage ||
    export GKE_JOB_CLUSTER=${option[cluster]:+${option[project]}/${option[location]}/${option[cluster]}}
  common::is_stage || cluster::export_options
  if access::names_gke; then
    access::pass_on
    export KUBECONFIG=$PRIVATE_DIR/kubeconfig
    ! cluster::sends_nothing || passed_on+=(--dry-run)
    processes::start KILL "$BASH" "$SCRIPTS/get-credentials" "${passed_on[@]}" --kubeconfig "$KUBECONFIG" >/dev/null
    wait $!
    : "${option[namespace]:=default}"
  else
    [[ ! ${option[context]} ]] || kubectl_options+=(--context "${option[context]}")
    cluster::sends_nothing || common::is_stage || [[ ${option[namespace]} ]] || cluster::use_namespace_of_context
  fi
  common::is_stage || unset GKE_JOB_NAMESPACE GKE_JOB_SERVER GKE_JOB_TLS_NAME
  cluster::sends_nothing || export GKE_JOB_NAMESPACE=${GKE_JOB_NAMESPACE:-${option[namespace]}} # for the stages of run-job
  cluster::sends_nothing || : "${option[namespace]:=$GKE_JOB_NAMESPACE}"
  [[ ! ${option[namespace]} ]] || kubectl_options+=(--namespace "${option[namespace]}")
}

# Exports GKE_JOB_CLUSTER_OPTIONS, the options that name this cluster, quoted for a shell.
cluster::export_options() {
  local passed_on=() quoted=''
  access::pass_on
  [[ ! ${option[context]} ]] || passed_on+=(--context "${option[context]}")
  ((${#passed_on[@]} == 0)) || common::quote "${passed_on[@]}"
  export GKE_JOB_CLUSTER_OPTIONS=$quoted
}

# Sets: option[namespace], the namespace of the context.
cluster::use_namespace_of_context() {
  local found=''
  processes::start KILL kubectl config view --minify "${kubectl_options[@]}" --output 'jsonpath={.contexts[0].context.namespace}' \
    >"$PRIVATE_DIR/context" 2>"$PRIVATE_DIR/errors"
  wait $! || { (($? > 128)) && exit "$EXIT_INTERRUPTED"; } ||
    common::exit_for "$(change::print_verdict_from 'find the cluster' "$PRIVATE_DIR/errors")"
  read -r found <"$PRIVATE_DIR/context" || true
  : "${option[namespace]:=${found:-default}}"
}

# Copies the credentials of the run to $GKE_JOB_CALLER_DIR. The operator uses them to mark the Job as collected after the run.
cluster::copy_credentials() {
  [[ ! ${GKE_JOB_CALLER_DIR-} || ${KUBECONFIG-} != "$PRIVATE_DIR/kubeconfig" ]] ||
    cp -- "$KUBECONFIG" "$PRIVATE_DIR"/*_plugin_cache "$GKE_JOB_CALLER_DIR" 2>/dev/null || true
}

# Whether the script sends no request. With --validate server a dry run sends one, which changes nothing.
cluster::sends_nothing() {
  [[ ${option[dry_run]} && ${option[validate]-} != server ]]
}

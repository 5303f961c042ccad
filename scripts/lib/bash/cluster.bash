# shellcheck shell=bash
# Which cluster a script uses, and all that it needs to talk to it.
source "$SCRIPTS/lib/bash/access.bash"
source "$SCRIPTS/lib/bash/processes.bash"
source "$SCRIPTS/lib/bash/signals.bash"
source "$SCRIPTS/lib/bash/private_dir.bash"
source "$SCRIPTS/lib/bash/deadline.bash"
source "$SCRIPTS/lib/bash/connection.bash"
source "$SCRIPTS/lib/bash/change.bash"

# The options of every script that talks to a cluster.
# shellcheck disable=SC2034 # check-setup does not retry, and has fewer options
readonly CLUSTER_OPTIONS="$ACCESS_OPTIONS context namespace unreachable-timeout" CLUSTER_FLAGS=$ACCESS_FLAGS
shared_help+=$access_help

# Chooses the cluster: for a GKE cluster it gets a private kubeconfig from get-credentials, else it takes --context or the
# current context. A stage of run-job uses the cluster of run-job. Call it once, after private_dir::make.
# Sets: kubectl_options, the words after `kubectl` that name context and namespace; option[namespace].
# Exports, for the stages of run-job: GKE_JOB_CLUSTER, GKE_JOB_CLUSTER_OPTIONS, GKE_JOB_NAMESPACE.
cluster::use() {
  common::require_tools kubectl
  options::require_seconds unreachable-timeout
  export GOMAXPROCS=1 # halves the processor time of kubectl
  export GOGC=400     # a fifth less again: kubectl ends before it has much to free
  export KUBERC=off   # defaults of the user, such as delete --interactive, which no --raw can have
  kubectl_options=()
  access::require
  # The summary of the run names it.
  [[ ${GKE_JOB_RUN-} ]] ||
    export GKE_JOB_CLUSTER=${option[cluster]:+${option[project]}/${option[location]}/${option[cluster]}}
  [[ ${GKE_JOB_RUN-} ]] || cluster::note_options
  if access::names_gke; then
    access::pass_on
    export KUBECONFIG=$PRIVATE_DIR/kubeconfig
    ! cluster::is_dry || passed_on+=(--dry-run)
    processes::start KILL "$BASH" "$SCRIPTS/get-credentials" "${passed_on[@]}" --kubeconfig "$KUBECONFIG" >/dev/null
    wait $!
    : "${option[namespace]:=default}"
  else
    [[ ! ${option[context]} ]] || kubectl_options+=(--context "${option[context]}")
    cluster::is_dry || [[ ${GKE_JOB_RUN-} || ${option[namespace]} ]] || cluster::use_context
  fi
  [[ ${GKE_JOB_RUN-} ]] || unset GKE_JOB_NAMESPACE GKE_JOB_SERVER GKE_JOB_TLS_NAME
  cluster::is_dry || export GKE_JOB_NAMESPACE=${GKE_JOB_NAMESPACE:-${option[namespace]}} # for the stages of run-job
  cluster::is_dry || : "${option[namespace]:=$GKE_JOB_NAMESPACE}"
  [[ ! ${option[namespace]} ]] || kubectl_options+=(--namespace "${option[namespace]}")
}

# Exports GKE_JOB_CLUSTER_OPTIONS, the options that name this cluster, quoted for a shell.
cluster::note_options() {
  local passed_on=() quoted=''
  access::pass_on
  [[ ! ${option[context]} ]] || passed_on+=(--context "${option[context]}")
  ((${#passed_on[@]} == 0)) || common::quote "${passed_on[@]}"
  export GKE_JOB_CLUSTER_OPTIONS=$quoted
}

# Sets: option[namespace], to that of the context.
cluster::use_context() {
  local found=''
  processes::start KILL kubectl config view --minify "${kubectl_options[@]}" --output 'jsonpath={.contexts[0].context.namespace}' \
    >"$PRIVATE_DIR/context" 2>"$PRIVATE_DIR/errors"
  wait $! || { (($? > 128)) && exit "$EXIT_INTERRUPTED"; } ||
    common::exit_for "$(change::explain_kubectl 'find the cluster' "$PRIVATE_DIR/errors")"
  read -r found <"$PRIVATE_DIR/context" || true
  : "${option[namespace]:=${found:-default}}"
}

# Copies the credentials of the run to $GKE_JOB_REPORT, for the process that marks the Job as collected.
cluster::leave_credentials() {
  [[ ! ${GKE_JOB_REPORT-} || ${KUBECONFIG-} != "$PRIVATE_DIR/kubeconfig" ]] ||
    cp -- "$KUBECONFIG" "$PRIVATE_DIR"/*_plugin_cache "$GKE_JOB_REPORT" 2>/dev/null || true
}

# Whether the script sends no request. --validate server sends one in a dry run, too: it changes nothing.
cluster::is_dry() {
  [[ ${option[dry_run]} && ${option[validate]-} != server ]]
}

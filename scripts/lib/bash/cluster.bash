# shellcheck shell=bash
# The way to a cluster: a private directory with a kubeconfig of its own, kubectl, and what its errors mean.
source "$SCRIPTS/lib/bash/access.bash"
source "$SCRIPTS/lib/bash/processes.bash"
source "$SCRIPTS/lib/bash/private_dir.bash"

# The options of every script that talks to a cluster.
# shellcheck disable=SC2034 # check-setup tries nothing again, and has fewer
readonly CLUSTER_OPTIONS="$ACCESS_OPTIONS context namespace unreachable-timeout" CLUSTER_FLAGS=$ACCESS_FLAGS
shared_help+=$access_help

readonly UNREACHABLE_SECONDS=600 # without any answer, before a script gives up with 69
readonly LOGIN_SECONDS=10        # for a failure to log in to pass; as in gke_jobs/errors.py
readonly FOREVER=2000000000      # more than any timeout
readonly HEARTBEAT_SECONDS=300   # between two messages about the same
readonly SETTLE_SECONDS=1        # how long an interrupted script waits for the answer to what it has asked for

requesting='' # the kubectl of the present request
more_paths='' # which kubectl proxy lets pass beside those of one namespace, a pattern
proxy=''      # the process id of kubectl proxy, if this script has started it

# Ends the script for a signal; a second one does not disturb the cleaning up.
signals::stop() { # STATUS
  trap '' TERM INT HUP PWR PIPE
  signals::settle || true
  exit "$1"
}

# Lets the present request be answered: a write that is broken off may have been carried out or not. 1 when it was not.
signals::settle() {
  local tries=$((SETTLE_SECONDS * 20))
  while [[ $requesting ]] && processes::is_running "$requesting"; do
    ((tries-- > 0)) || return 1
    processes::pause 0.05
  done
}

# Ends what runs in the background, for it may hold stdout open, and removes the private directory. A command of ours that
# was killed has left no verdict.
signals::clean_up() {
  local status=$? IFS=$'\n' child
  trap '' TERM INT HUP PWR PIPE # the verdict is out, and what a handler needs is about to go
  for child in $(jobs -pr) ${proxy:+"$proxy"}; do processes::kill "$child"; done
  if [[ $made_dir ]]; then
    until rm -rf -- "$made_dir" 2>/dev/null; do processes::pause 0.02; done # a child may have been writing
  fi
  case $status in
    129 | 130 | 143) ;;
    *) ((status < 128)) || exit "$EXIT_INTERRUPTED" ;;
  esac
}

# Decides which cluster kubectl talks to: with a cluster of GKE a private kubeconfig from get-credentials, else --context
# or the current context. Call it once, after private_dir::make. A stage of run-job takes what run-job has decided.
# Sets: kubectl_options, the words after `kubectl` that name context and namespace; option[namespace].
cluster::use() {
  common::require_tools kubectl
  options::require_seconds unreachable-timeout
  export GOMAXPROCS=1 # halves the processor time of kubectl
  export GOGC=400     # a fifth less again: kubectl ends before it has much to free
  export KUBERC=off   # defaults of the user, such as delete --interactive, which no --raw can have
  kubectl_options=()
  access::require
  # What the summary of the run names; a stage of run-job takes over that of run-job.
  [[ ${GKE_JOB_RUN-} ]] ||
    export GKE_JOB_CLUSTER=${option[cluster]:+${option[project]}/${option[location]}/${option[cluster]}}
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
  [[ ${GKE_JOB_RUN-} ]] || cluster::note_options
  [[ ${GKE_JOB_RUN-} ]] || unset GKE_JOB_NAMESPACE GKE_JOB_SERVER GKE_JOB_TLS_NAME
  cluster::is_dry || export GKE_JOB_NAMESPACE=${GKE_JOB_NAMESPACE:-${option[namespace]}} # for the stages of run-job
  cluster::is_dry || : "${option[namespace]:=$GKE_JOB_NAMESPACE}"
  [[ ! ${option[namespace]} ]] || kubectl_options+=(--namespace "${option[namespace]}")
}

# Sets, for stages as well: GKE_JOB_CLUSTER_OPTIONS, the options that lead to this cluster, to be pasted into a shell.
cluster::note_options() {
  local passed_on=() quoted=''
  access::pass_on
  [[ ! ${option[context]} ]] || passed_on+=(--context "${option[context]}")
  ((${#passed_on[@]} == 0)) || common::quote "${passed_on[@]}"
  export GKE_JOB_CLUSTER_OPTIONS=$quoted
}

# Takes the namespace of the context.
cluster::use_context() {
  local found=''
  processes::start KILL kubectl config view --minify "${kubectl_options[@]}" --output 'jsonpath={.contexts[0].context.namespace}' \
    >"$PRIVATE_DIR/context" 2>"$PRIVATE_DIR/errors"
  wait $! || { (($? > 128)) && exit "$EXIT_INTERRUPTED"; } ||
    common::exit_for "$(change::explain_kubectl 'find the cluster' "$PRIVATE_DIR/errors")"
  read -r found <"$PRIVATE_DIR/context" || true
  : "${option[namespace]:=${found:-default}}"
}

# Sets, for stages as well: GKE_JOB_SERVER, the address of the API server, empty where there is no kubeconfig, or where it
# has no path anyway; and GKE_JOB_TLS_NAME, the name in its certificate where it is not that of the address.
connection::read_server() {
  local status=0
  [[ ! ${GKE_JOB_SERVER+known} ]] || return 0
  export GKE_JOB_SERVER='' GKE_JOB_TLS_NAME=''
  [[ ! ${option[cluster]} ]] || return 0 # of GKE
  processes::start KILL kubectl config view --minify "${kubectl_options[@]}" \
    --output 'jsonpath={range .clusters[0].cluster}{.server}{"\n"}{.tls-server-name}{end}' \
    >"$PRIVATE_DIR/context" 2>/dev/null
  wait $! || status=$?
  ((status <= 128)) || exit "$EXIT_INTERRUPTED"
  { read -r GKE_JOB_SERVER && read -r GKE_JOB_TLS_NAME; } <"$PRIVATE_DIR/context" || true
}

# Fills `raw`, the words of kubectl for a request to a path of the API server. Connect gateway and others serve a cluster
# below a path; kubectl adds it to that of a raw request from version 1.34 on only, so the server is named without it.
connection::raw_request() { # PATH
  local server=${GKE_JOB_SERVER-} host scheme below=''
  server=${server%%\?*} # as kubectl leaves out the query
  host=${server#*://}
  scheme=${server%"$host"}
  raw=()
  if [[ $host == */* ]]; then
    below=/${host#*/}
    while [[ $below == *//* ]]; do below=${below//\/\//\/}; done
    below=${below//#/%23} # likewise, behind a slash
    raw=(--server "$scheme${host%%/*}" --tls-server-name "${GKE_JOB_TLS_NAME-}")
  fi
  raw+=(--raw "${below%/}$1")
}

# Opens the connection over which everything is read: one kubectl proxy, which run-job shares with its stages.
# Call it once, after cluster::use. Sets: connection and proxy_command, for `command.py`.
connection::open() {
  local directory=${GKE_JOB_RUN:-$PRIVATE_DIR} name='[^/]+'
  local paths="^/apis/batch/v1/namespaces/$name/jobs(/$name)?\$|^/api/v1/namespaces/$name/(events|pods(/$name/log)?)\$"
  paths+="|^/apis/(visibility\.)?kueue\.x-k8s\.io/v1beta[12]/namespaces/$name/(workloads|localqueues/$name/pendingworkloads)\$"
  paths+=${more_paths:+"|$more_paths"}
  # With GOGC=20 a waiting kubectl has 9 MiB of its own instead of 13. Connect gateway serves a cluster below a path.
  proxy_command=(env GOGC=20 kubectl "${kubectl_options[@]}" proxy --unix-socket=socket --accept-paths="$paths"
    --reject-methods='^([^G]|G[^E]|GE[^T]|GET.)' --append-server-path)
  connection=(--socket "$directory/socket" --proxy-log "$directory/proxy.log")
  connection::read_server
  [[ ${GKE_JOB_RUN-} ]] || connection::start_proxy
}

# A path of a socket has at most 107 bytes, so its directory is entered, and what else is a relative path is not any more.
connection::start_proxy() {
  local path rest=${KUBECONFIG-} to_us said
  KUBECONFIG=''
  while [[ $rest ]]; do
    path=${rest%%:*}
    [[ $rest == *:* ]] && rest=${rest#*:} || rest=''
    [[ ! $path || $path == /* ]] || path=$PWD/$path
    KUBECONFIG+=${KUBECONFIG:+:}$path
  done
  [[ ! $KUBECONFIG ]] || export KUBECONFIG
  mkfifo "$PRIVATE_DIR/proxy.stdout"
  exec {to_us}<>"$PRIVATE_DIR/proxy.stdout"
  exec {proxy_stdout}<"$PRIVATE_DIR/proxy.stdout"
  # In a session of its own: a signal to our process group ends no read that an interrupted script still needs.
  processes::start KILL setsid env --chdir "$PRIVATE_DIR" "${proxy_command[@]}" </dev/null 1>&"$to_us" 2>"$PRIVATE_DIR/proxy.log"
  exec {to_us}>&- # so that the pipe ends with the proxy
  proxy=$!
  disown "$proxy"                   # bash is not to say that it was killed
  read -r said <&"$proxy_stdout" || # its one line, printed when the socket is open
    common::exit_for "$(change::explain_kubectl 'start kubectl proxy' "$PRIVATE_DIR/proxy.log")"
}

# Runs a command of the Python package over the connection; a signal is handled at once. The first line that it prints
# is in `answer`, all of it in $PRIVATE_DIR/answer. Returns its exit code.
connection::ask() { # COMMAND ARGUMENT...
  local status=0 IFS=''
  if ! connection::has_room "$PRIVATE_DIR/answer"; then
    warn "cannot write to $PRIVATE_DIR: name another place in TMPDIR"
    return "$EXIT_INTERRUPTED"
  fi
  processes::start KILL "${COMMAND[@]}" "$1" "${connection[@]}" "${@:2}" -- "${proxy_command[@]}" \
    >"$PRIVATE_DIR/answer"
  requesting=$!
  wait "$requesting" || status=$?
  requesting=''
  # shellcheck disable=SC2034 # for the scripts
  read -r answer <"$PRIVATE_DIR/answer" || true
  return "$status"
}

# Whether something can be written to a file, which is empty then but for a newline.
connection::has_room() { # FILE
  { printf '\n' >"$1"; } 2>/dev/null
}

# Whether nothing is asked of the cluster. To validate there changes nothing, and so is part of a dry run.
cluster::is_dry() {
  [[ ${option[dry_run]} && ${option[validate]-} != server ]]
}

# A request of a script that was interrupted and must end soon: given up so long after deadline::begin was called.
deadline::kubectl() { # MILLISECONDS KUBECTL-ARGUMENT...
  deadline::run "$1" kubectl "${kubectl_options[@]}" "${@:2}" 2>/dev/null
}

# Runs a command that is killed so long after deadline::begin was called.
deadline::run() { # MILLISECONDS COMMAND...
  local left=$((hurried_since + $1 - $(date +%s%3N)))
  ((left > 0)) || return 1
  timeout --signal=KILL "$((left / 1000)).$(printf '%03d' $((left % 1000)))" "${@:2}"
}

deadline::begin() {
  hurried_since=$(date +%s%3N)
}

# Changes something in the cluster, by kubectl: what it answers is in $PRIVATE_DIR/changed. An error that passes is
# waited out: --unreachable-timeout for a cluster that does not answer, then 69; LOGIN_SECONDS for a failure to log in,
# then 77; --schedule-timeout for a quota that is used up, then 124; and all of it for what is left of --timeout, then
# 124. What does not pass ends the script, with the exit code for it.
# Sets: outcome: changed, or what may be no error: exists, conflict, absent; unanswered: whether it may have been carried
# out before, without an answer.
# Not for a subshell: a signal is to be handled while it waits.
change::send() { # WHAT-FOR KUBECTL-ARGUMENT...
  local what_for=$1 began=$SECONDS delay=1 patience left said='' told=0
  shift
  unanswered=''
  until change::try "$@"; do
    outcome=$(change::explain "$what_for") ||
      die "$EXIT_INTERRUPTED" "cannot $what_for, nor say why: is there room in ${PRIVATE_DIR%/*}?"
    # shellcheck disable=SC2034 # unanswered: for the scripts
    case $outcome in
      exists | conflict | absent) return 0 ;;
      transient) unanswered=yes patience=${option[unreachable_timeout]:-$UNREACHABLE_SECONDS} ;;
      login) patience=$LOGIN_SECONDS ;;
      quota) patience=${option[schedule_timeout]:-$FOREVER} ;;
      *) patience=0 ;;
    esac
    change::seconds_left
    ((left <= began + patience - SECONDS)) || left=$((began + patience - SECONDS))
    # What is waited out for long is not logged each time.
    if [[ $(<"$PRIVATE_DIR/said") != "$said" ]] || ((left <= 0 || SECONDS - told >= HEARTBEAT_SECONDS)); then
      said=$(<"$PRIVATE_DIR/said") told=$SECONDS
      ((left > 0)) || said=${said/#<4>/<3>} # the last word of this script
      printf '%s\n' "$said" >&2
    fi
    ((left > 0)) || change::give_up "$outcome" "$what_for"
    ((delay <= left)) || delay=$left
    warn "trying again in $delay s"
    processes::pause "$delay"
    delay=$((delay < 30 ? delay * 2 : 30))
  done
  outcome=changed
}

# Ends the script for an error that does not pass, or has not passed in time.
change::give_up() { # VERDICT WHAT-FOR
  change::seconds_left
  ((left > 0)) || die "$EXIT_TIMEOUT" "cannot $2: the time of --timeout is over"
  [[ $1 != quota ]] || die "$EXIT_TIMEOUT" "cannot $2: the quota was used up for ${option[schedule_timeout]} s"
  common::exit_for "$1"
}

# Once, with `body` on standard input. In a session of its own: a signal to our process group leaves it to us whether it
# is broken off.
change::try() { # KUBECTL-ARGUMENT...
  local status=0 output=$PRIVATE_DIR/changed errors=$PRIVATE_DIR/errors
  if ! connection::has_room "$output" || ! connection::has_room "$errors"; then # a deletion is asked for all the same
    rm -f -- "$output" "$errors"
    output=/dev/null errors=/dev/null
  fi
  # From level 4 on kubectl prints the Status object of an error.
  processes::start KILL setsid kubectl "${kubectl_options[@]}" --request-timeout=30s --v=4 "$@" \
    <<<"${body-}" >"$output" 2>"$errors"
  requesting=$!
  wait "$requesting" || status=$?
  requesting=''
  return "$status"
}

# Prints the verdict about the last error of kubectl; what to say of it is in the file $PRIVATE_DIR/said.
change::explain() { # WHAT-FOR
  change::explain_kubectl "$1" "$PRIVATE_DIR/errors" 2>"$PRIVATE_DIR/said"
}

# Prints the verdict about an error of kubectl; what to say of it goes to stderr.
change::explain_kubectl() { # WHAT-FOR FILE
  "${COMMAND[@]}" explain-error --for "$1" --from kubectl --file "$2" ${places:+--places "$places"}
}

# Sets: left, the seconds that are left of --timeout.
change::seconds_left() {
  left=$((${option[timeout]:-$FOREVER} - SECONDS))
}

# shellcheck shell=bash
# The connection over which a script reads from the API server: kubectl proxy on a Unix socket.
#
# Globals: kubectl_options, see cluster::use.

additional_paths='' # a pattern of paths that kubectl proxy accepts besides those of one namespace

# Exports GKE_JOB_SERVER, the address of the API server, empty for a cluster that is given by --cluster or without a kubeconfig,
# and GKE_JOB_TLS_NAME, the name in its certificate if it differs from the address.
connection::read_server() {
  local status=0
  [[ ! ${GKE_JOB_SERVER+known} ]] || return 0
  export GKE_JOB_SERVER='' GKE_JOB_TLS_NAME=''
  [[ ! ${option[cluster]} ]] || return 0 # the address of a GKE cluster has no path
  processes::start KILL kubectl config view --minify "${kubectl_options[@]}" \
    --output 'jsonpath={range .clusters[0].cluster}{.server}{"\n"}{.tls-server-name}{end}' \
    >"$PRIVATE_DIR/context" 2>/dev/null
  wait $! || status=$?
  ((status <= 128)) || exit "$EXIT_INTERRUPTED"
  { read -r GKE_JOB_SERVER && read -r GKE_JOB_TLS_NAME; } <"$PRIVATE_DIR/context" || true
}

# Sets: raw, the options of kubectl for a request to a path of the API server. Connect gateway serves a cluster below a path,
# which kubectl adds to a raw request only since version 1.34. So the options name the server without its path.
connection::raw_request() { # PATH
  local server=${GKE_JOB_SERVER-} host scheme prefix=''
  server=${server%%\?*} # kubectl also removes the query
  host=${server#*://}
  scheme=${server%"$host"}
  raw=()
  if [[ $host == */* ]]; then
    prefix=/${host#*/}
    while [[ $prefix == *//* ]]; do prefix=${prefix//\/\//\/}; done
    prefix=${prefix//#/%23} # kubectl also quotes it after a slash
    raw=(--server "$scheme${host%%/*}" --tls-server-name "${GKE_JOB_TLS_NAME-}")
  fi
  raw+=(--raw "${prefix%/}$1")
}

# Starts kubectl proxy; a stage uses the one of run-job. Call it once, after cluster::use.
# Sets: connection, the options of command.py for the connection; proxy_command, with which command.py restarts the proxy.
connection::open() {
  local directory=${GKE_JOB_RUN:-$PRIVATE_DIR} name='[^/]+'
  local paths="^/apis/batch/v1/namespaces/$name/jobs(/$name)?\$|^/api/v1/namespaces/$name/(events|pods(/$name/log)?)\$"
  paths+="|^/apis/(visibility\.)?kueue\.x-k8s\.io/v1beta[12]/namespaces/$name/(workloads|localqueues/$name/pendingworkloads)\$"
  paths+=${additional_paths:+"|$additional_paths"}
  # With GOGC=20 a waiting kubectl has 9 MiB of private memory instead of 13. --append-server-path is for Connect gateway.
  proxy_command=(env GOGC=20 kubectl "${kubectl_options[@]}" proxy --unix-socket=socket --accept-paths="$paths"
    --reject-methods='^([^G]|G[^E]|GE[^T]|GET.)' --append-server-path)
  connection=(--socket "$directory/socket" --proxy-log "$directory/proxy.log")
  connection::read_server
  common::is_stage || connection::start_proxy
}

# Starts kubectl proxy in the private directory, because the path of a socket has at most 107 bytes. Therefore it first makes
# the paths of KUBECONFIG absolute.
connection::start_proxy() {
  local path rest=${KUBECONFIG-} proxy_output
  KUBECONFIG=''
  while [[ $rest ]]; do
    path=${rest%%:*}
    [[ $rest == *:* ]] && rest=${rest#*:} || rest=''
    [[ ! $path || $path == /* ]] || path=$PWD/$path
    KUBECONFIG+=${KUBECONFIG:+:}$path
  done
  [[ ! $KUBECONFIG ]] || export KUBECONFIG
  mkfifo "$PRIVATE_DIR/proxy.stdout"
  exec {proxy_output}<>"$PRIVATE_DIR/proxy.stdout"
  exec {proxy_stdout}<"$PRIVATE_DIR/proxy.stdout"
  # In a session of its own: after a signal to its process group, the script still needs the proxy.
  processes::start KILL setsid env --chdir "$PRIVATE_DIR" "${proxy_command[@]}" </dev/null 1>&"$proxy_output" 2>"$PRIVATE_DIR/proxy.log"
  exec {proxy_output}>&- # so that the pipe ends with the proxy
  proxy=$!
  disown "$proxy" # otherwise bash prints a message when the proxy is killed
  # kubectl proxy prints one line when the socket is open.
  read -r _ <&"$proxy_stdout" ||
    common::exit_for "$(change::print_verdict_from 'start kubectl proxy' "$PRIVATE_DIR/proxy.log")"
}

# Runs a command of the Python package with the connection, and handles a signal at once. Returns the exit code of the command.
# Sets: answer, the first line of its output. The whole output is in $PRIVATE_DIR/answer.
connection::ask() { # COMMAND ARGUMENT...
  local status=0 IFS=''
  if ! connection::can_write "$PRIVATE_DIR/answer"; then
    warn "cannot write to $PRIVATE_DIR: set TMPDIR to another directory"
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

# Whether a file can be written. It then contains one newline.
connection::can_write() { # FILE
  { printf '\n' >"$1"; } 2>/dev/null
}

# shellcheck shell=bash
# The connection over which a script reads from the API server: kubectl proxy on a Unix socket.
#
# Globals: kubectl_options, see cluster::use.

more_paths='' # a pattern of paths that kubectl proxy accepts besides those of one namespace

# Exports GKE_JOB_SERVER, the address of the API server, empty where there is no kubeconfig or where the address has no path;
# and GKE_JOB_TLS_NAME, the name in its certificate where it differs from the address.
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

# Sets: raw, the words of kubectl for a request to a path of the API server. Connect gateway serves a cluster below a path,
# which kubectl adds to a raw request only since version 1.34. So the words name the server without its path.
connection::raw_request() { # PATH
  local server=${GKE_JOB_SERVER-} host scheme below=''
  server=${server%%\?*} # as kubectl leaves out the query
  host=${server#*://}
  scheme=${server%"$host"}
  raw=()
  if [[ $host == */* ]]; then
    below=/${host#*/}
    while [[ $below == *//* ]]; do below=${below//\/\//\/}; done
    below=${below//#/%23} # as kubectl does behind a slash
    raw=(--server "$scheme${host%%/*}" --tls-server-name "${GKE_JOB_TLS_NAME-}")
  fi
  raw+=(--raw "${below%/}$1")
}

# Starts kubectl proxy, which a run-job shares with its stages. Call it once, after cluster::use.
# Sets: connection and proxy_command, the words that command.py takes.
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

# The path of a socket has at most 107 bytes, so kubectl proxy runs in its directory. Relative paths of KUBECONFIG become
# absolute before.
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
  # In a session of its own: an interrupted script still reads after a signal to its process group.
  processes::start KILL setsid env --chdir "$PRIVATE_DIR" "${proxy_command[@]}" </dev/null 1>&"$to_us" 2>"$PRIVATE_DIR/proxy.log"
  exec {to_us}>&- # so that the pipe ends with the proxy
  proxy=$!
  disown "$proxy"                   # bash does not print that it was killed
  read -r said <&"$proxy_stdout" || # kubectl proxy prints one line when the socket is open
    common::exit_for "$(change::explain_kubectl 'start kubectl proxy' "$PRIVATE_DIR/proxy.log")"
}

# Runs a command of the Python package over the connection, and handles a signal at once. Returns its exit code.
# Sets: answer, the first line of its output. The whole output is in $PRIVATE_DIR/answer.
connection::ask() { # COMMAND ARGUMENT...
  local status=0 IFS=''
  if ! connection::has_room "$PRIVATE_DIR/answer"; then
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

# Whether a file can be written. It then holds one newline.
connection::has_room() { # FILE
  { printf '\n' >"$1"; } 2>/dev/null
}

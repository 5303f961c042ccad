# shellcheck shell=bash
# Why a Job is pending, running or failed, for people: reads what the cluster knows and has diagnosis.py put it in words.

readonly READ_SECONDS=10 # how long one step of the reading may take; there are two, then the text

# Events that are there for every Pod and explain nothing. There may be thousands in a namespace: the server leaves
# them out.
readonly EVENTS_THAT_EXPLAIN='reason!=Scheduled,reason!=Pulling,reason!=Pulled,reason!=Created,reason!=Started'

# Prints the diagnosis on stderr. Never fails and never takes long, also when the cluster does not answer: what could
# not be read is said, and the caller goes on to its verdict.
explain_job() { # NAME UID
  diagnose "$1" "$2" >&2 || log "Job $1 cannot be explained; see: kubectl describe job $1"
}

# Prints the diagnosis; returns 1 when neither the Job nor its Pods could be read.
diagnose() { # NAME UID
  local directory=$PRIVATE_DIR/diagnosis
  read_for_diagnosis "$1" "$2" "$directory" || return 1
  "$PYTHON" "$SCRIPTS/lib/command.py" diagnosis text "$directory" "$1" "$2"
}

# Fills DIRECTORY with job.json (empty: no such Job), pods.json, events.json and POD.CONTAINER.log.
read_for_diagnosis() { # NAME UID DIRECTORY
  local IFS=$' \t\n'   # not that of a caller, who may be taking lines apart
  local selector="batch.kubernetes.io/controller-uid=$2" pod container previous
  local -A file_of=() purpose_of=() # process id -> of what is being read
  rm -rf -- "$3"
  mkdir -- "$3"
  read_into "$3/job.json" "read Job $1" get job "$1" --ignore-not-found --output json
  read_into "$3/pods.json" "read the Pods of Job $1" get pods --selector "$selector" --output json
  read_into "$3/events.json" "read the events of Job $1" get events --field-selector "$EVENTS_THAT_EXPLAIN" --output json
  finish_reads
  [[ -e $3/job.json || -e $3/pods.json ]] || return 1

  "$PYTHON" "$SCRIPTS/lib/command.py" diagnosis logs "$3" "$1" "$2" >"$3/logs" || return 1
  while read -r pod container previous; do
    read_into "$3/$pod.$container.log" '' logs "$pod" --container "$container" --tail=25 ${previous:+"$previous"}
  done <"$3/logs"
  finish_reads
}

# Begins to read one answer of kubectl into FILE. In the background: all are read at the same time, and a signal is
# handled at once.
read_into() { # FILE WHAT-FOR-OR-EMPTY KUBECTL-ARGUMENT...
  start TERM setsid timeout --foreground "$READ_SECONDS" kubectl "${kubectl_options[@]}" "${@:3}" >"$1" 2>"$1.err"
  file_of[$!]=$1 purpose_of[$!]=$2
}

# Waits for what is being read. Where there was no answer it says so, if it knows what for, and leaves FILE.err alone.
finish_reads() {
  local reader file status
  for reader in "${!file_of[@]}"; do
    file=${file_of[$reader]} status=0
    wait "$reader" || status=$?
    ((status)) || continue
    rm -f -- "$file"
    ((status != 124)) || printf 'no answer within %s s\n' "$READ_SECONDS" >"$file.err"
    [[ -z ${purpose_of[$reader]} ]] || explain_kubectl_error "${purpose_of[$reader]}" "$file.err" || true
  done
  file_of=()
}

# shellcheck shell=bash
# Strict mode, exit codes, messages and options, for every script.
#
# A script sources this file first, defines `main` and ends with `main "$@"`. --help prints its header comment.
#
# Do not write `IFS=x read`: when a trap ends the script during such a read, bash 5.2 crashes or keeps that IFS. Use
# `local IFS`.
set -o errexit -o nounset -o pipefail -o errtrace +o noclobber +o noglob +o posix +o keyword # SHELLOPTS may be exported
# shellcheck disable=SC2046 # a name of a function is one word
unset -f $(compgen -A function) # an exported function may have the name of a command, or of a function of the scripts
trap common::end_unexpectedly ERR
trap '' XFSZ # a write beyond the file size limit is then an error, like a full disk, and does not kill the script

# If a standard stream is closed, bash has opened this script with its number. Such a stream is replaced: stdin and stderr by
# /dev/null, stdout by /dev/full, so that printing to it fails as on a full disk.
{ true <&0; } 2>/dev/null && [[ ! /proc/$$/fd/0 -ef $0 ]] || exec </dev/null
{ true >&1; } 2>/dev/null && [[ ! /proc/$$/fd/1 -ef $0 ]] || exec >/dev/full
true >&2 && [[ ! /proc/$$/fd/2 -ef $0 ]] || exec 2>/dev/null

SCRIPTS=${BASH_SOURCE[0]%/lib/bash/common.bash}
[[ $SCRIPTS == /* ]] || SCRIPTS=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd)
source "$SCRIPTS/lib/bash/exit_codes.bash"
# shellcheck disable=SC2034 # no script uses all of them
readonly PROGRAM=${0##*/} SCRIPTS PYTHON=${GKE_JOB_PYTHON:-python3} # the Python that has jinja2 and PyYAML

# Starts a command of the Python package, without site-packages and without modules of the user.
# shellcheck disable=SC2034 # no script uses all of them
readonly COMMAND=("$PYTHON" -I -S -B "$SCRIPTS/lib/command.py")

# The cache directory of all runs: kubeconfigs, tokens, copies of tools.
export GKE_JOB_CACHE=${GKE_JOB_CACHE:-${TMPDIR:-/tmp}/gke-job-cache-$UID}
[[ $GKE_JOB_CACHE == /* ]] || GKE_JOB_CACHE=$PWD/$GKE_JOB_CACHE

export GKE_JOB_PROGRAM=$PROGRAM  # Python logs with this name
unset PYTHONINSPECT              # with this variable Python does not exit
export PYTHONDONTWRITEBYTECODE=1 # the directory of the scripts may be read-only, or synchronized

interrupted_at='' # time of the interruption, in milliseconds since the epoch; see deadline::begin

# The level of a message: 4 for a warning, 3 for an error, empty for information. With GKE_JOB_LEVELS a message starts with
# the level in the form of sd-daemon(3), for the operator.
level=''

# Prints a message to stderr. It never fails, so a closed stderr does not stop the script. After an interruption it waits for
# at most 0.3 s until the message is read.
log() { # MESSAGE...
  local IFS=' ' prefix=''
  [[ ! $level || ! ${GKE_JOB_LEVELS-} ]] || prefix="<$level>"
  if [[ $interrupted_at ]]; then
    timeout 0.3 printf '%s%s: %s\n' "$prefix" "$PROGRAM" "$*" >&2 2>/dev/null || true
  else
    printf '%s%s: %s\n' "$prefix" "$PROGRAM" "$*" >&2 2>/dev/null || true
  fi
}

warn() { # MESSAGE...
  local level=4
  log "$@"
}

# Writes a file to the directory GKE_JOB_CALLER_DIR, from which the operator reads it: see gke_jobs/caller.py.
common::tell_caller() { # NAME TEXT
  [[ ! ${GKE_JOB_CALLER_DIR-} ]] || { printf '%s\n' "$2" >"$GKE_JOB_CALLER_DIR/$1"; } 2>/dev/null || true
}

# Ends the script when a command fails and the script does not handle it. It keeps the exit codes of scripts. Any other exit
# code becomes 78, because Airflow could misinterpret it; so does 1, which any command may have.
common::end_unexpectedly() {
  local status=$? level=3
  ((status != 141)) || exit "$EXIT_INTERRUPTED" # SIGPIPE: nobody reads the output
  [[ $status == "$EXIT_JOB_FAILED" || "$EXIT_CODES$EXIT_SIGNALS" != *" $status "* ]] || exit "$status"
  log "cannot continue: a command ended with exit code $status, see above: is there free space in ${TMPDIR:-/tmp}?"
  exit "$EXIT_CONFIG"
}

die() { # STATUS MESSAGE...
  local level=3
  common::tell_caller reason "${*:2}"
  log "${*:2}"
  exit "$1"
}

# Prints the name of this release, or, in a checkout or a copy of one, its version.
common::print_version() {
  local release=${SCRIPTS%/*}
  if [[ -f $release/MANIFEST ]]; then printf '%s\n' "${release##*/}"; else cat "$SCRIPTS/VERSION"; fi
}

# Ends the script with the exit code for a verdict of explain-error, which has logged the reason.
common::exit_for() { # VERDICT
  case $1 in
    login | denied) exit "$EXIT_DENIED" ;;
    refused | exists | conflict) exit "$EXIT_DATA" ;;
    config | absent) exit "$EXIT_CONFIG" ;;
    usage) exit "$EXIT_USAGE" ;;
    *) exit "$EXIT_UNREACHABLE" ;;
  esac
}

common::require_tools() { # PROGRAM...
  local tool
  common::use_tools
  for tool in "$@"; do
    type -P "$tool" >/dev/null ||
      die "$EXIT_CONFIG" "$tool is not on PATH: install it, or set GKE_JOB_TOOLS to a directory that contains it; see 'What a worker needs' in scripts/README.md"
  done
}

# Adds the programs of the directory GKE_JOB_TOOLS to PATH, for this script and those that it starts. It first copies them to
# the cache, because files of a bucket are not executable.
common::use_tools() {
  local directory
  [[ ${GKE_JOB_TOOLS-} ]] || return 0
  directory=$("${COMMAND[@]}" programs --from="$GKE_JOB_TOOLS" --cache "$GKE_JOB_CACHE") || exit
  export PATH=$directory:$PATH GKE_JOB_TOOLS=''
}

# Whether run-job has started this script as a stage. GKE_JOB_RUN is then the private directory of run-job.
common::is_stage() {
  [[ ${GKE_JOB_RUN-} ]]
}

# Logs a command for --dry-run, quoted for a shell.
common::would_run() { # COMMAND...
  local quoted
  common::quote "$@"
  log "would run:$quoted"
}

# Sets: quoted, the words quoted for a shell, each after a space.
common::quote() { # WORD...
  printf -v quoted ' %q' "$@"
}

source "$SCRIPTS/lib/bash/options.bash"

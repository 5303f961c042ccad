# shellcheck shell=bash
# The private directory of a run: made, locked, and swept up when a run was killed. cluster.bash removes it in the end.

readonly ROOM_BYTES=65536     # that are free in TMPDIR when a script starts
readonly MARK=made-by-gke-job # in each private directory that is locked

made_dir='' # the private directory, if this script has made it

# A directory of this run alone, removed when the script ends; a stage of run-job takes that of run-job. The GKE auth
# plugin caches its token beside the kubeconfig, so a directory that two tasks share hands one task's account to the other.
private_dir::make() {
  PRIVATE_DIR=''
  trap signals::clean_up EXIT
  trap 'signals::stop 143' TERM
  trap 'signals::stop 130' INT
  trap 'signals::stop 129' HUP PWR PIPE
  if [[ ${GKE_JOB_RUN-} ]]; then
    PRIVATE_DIR=$GKE_JOB_RUN
  else
    private_dir::sweep
    private_dir::new
  fi
  export TMPDIR=$PRIVATE_DIR # what a stage of this run leaves is removed with it
  # gcloud and kubectl write below HOME, and BashOperator's env= drops it.
  [[ -w ${HOME-} ]] || export HOME=$PRIVATE_DIR
}

# The lock, which children inherit, tells others that somebody still works here. The mark comes after it: until then the
# process in the name of the directory tells.
private_dir::new() {
  local place=${TMPDIR:-/tmp}
  [[ $place != *[,\"$'\n']* ]] ||
    die "$EXIT_CONFIG" "TMPDIR is ${place@Q}: kubectl reads no file below a name with a comma, a quote or a line break"
  # Named before it is made: it is removed whenever a signal comes. No process that runs has the same number.
  made_dir=$place/gke-job.$BASHPID-$RANDOM
  mkdir -m 700 -- "$made_dir" 2>/dev/null ||
    die "$EXIT_CONFIG" "cannot make a private directory in $place: name another place in TMPDIR"
  PRIVATE_DIR=$made_dir
  if type -P flock >/dev/null; then
    exec {private_dir_lock}<"$PRIVATE_DIR"
    flock -n "$private_dir_lock" || true # a file system without locks
  fi
  # So much room at the beginning, and a run does not have to end for it once there is a Job.
  if ! { printf '%*s' "$ROOM_BYTES" '' >"$PRIVATE_DIR/$MARK" && : >"$PRIVATE_DIR/$MARK"; } 2>/dev/null; then
    rm -rf -- "$PRIVATE_DIR"
    die "$EXIT_CONFIG" "cannot write to $PRIVATE_DIR: name another place in TMPDIR"
  fi
}

# Removes what killed runs of this user have left: their locks went with their last process.
private_dir::sweep() {
  local directory
  type -P flock >/dev/null || return 0
  for directory in "${TMPDIR:-/tmp}"/gke-job.*; do
    [[ -O $directory && ! -L $directory ]] || continue
    [[ -f $directory/$MARK ]] || private_dir::is_of_dead_process "${directory##*/gke-job.}" || continue
    flock -n "$directory" rm -rf -- "$directory" || true
  done
}

private_dir::is_of_dead_process() { # PROCESS-ID-SUFFIX
  [[ $1 =~ ^[0-9]+-[0-9a-z_]+$ && ! -e /proc/${1%-*} ]]
}

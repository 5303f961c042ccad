# shellcheck shell=bash
# The private directory of a run: a lock shows that the run uses it. signals.bash removes it; that of a run that was killed is
# removed by the next run.

readonly ROOM_BYTES=65536     # that TMPDIR must have free when a script starts
readonly MARK=made-by-gke-job # a file in each private directory that has its lock

made_dir='' # the private directory, if this script has made it

# Makes a directory of this run alone, which is removed when the script ends. A stage of run-job uses that of run-job. Two
# tasks must not share one: the GKE auth plugin caches the token of one account beside the kubeconfig.
# Sets: PRIVATE_DIR. Exports: TMPDIR, and HOME where it cannot be written.
private_dir::make() {
  PRIVATE_DIR=''
  if [[ ${GKE_JOB_RUN-} ]]; then
    PRIVATE_DIR=$GKE_JOB_RUN
  else
    private_dir::sweep
    private_dir::new
  fi
  export TMPDIR=$PRIVATE_DIR # files that a stage of this run leaves are removed with it
  # gcloud and kubectl write below HOME, which a BashOperator with env= does not pass on.
  [[ -w ${HOME-} ]] || export HOME=$PRIVATE_DIR
}

# Children inherit the lock, so it shows other runs that the directory is in use. Until the file MARK exists, the process id
# in the name of the directory shows that.
private_dir::new() {
  local place=${TMPDIR:-/tmp}
  [[ $place != *[,\"$'\n']* ]] ||
    die "$EXIT_CONFIG" "TMPDIR is ${place@Q}: kubectl cannot read files in a path with a comma, a quote or a line break"
  # Set before the directory exists, so that it is removed whenever a signal arrives. No running process has the same id.
  made_dir=$place/gke-job.$BASHPID-$RANDOM
  mkdir -m 700 -- "$made_dir" 2>/dev/null ||
    die "$EXIT_CONFIG" "cannot create a private directory in $place: set TMPDIR to another directory"
  PRIVATE_DIR=$made_dir
  if type -P flock >/dev/null; then
    exec {private_dir_lock}<"$PRIVATE_DIR"
    flock -n "$private_dir_lock" || true # a file system without locks
  fi
  # A run that lacks space must fail before it creates a Job.
  if ! { printf '%*s' "$ROOM_BYTES" '' >"$PRIVATE_DIR/$MARK" && : >"$PRIVATE_DIR/$MARK"; } 2>/dev/null; then
    rm -rf -- "$PRIVATE_DIR"
    die "$EXIT_CONFIG" "cannot write to $PRIVATE_DIR: set TMPDIR to another directory"
  fi
}

# Removes the directories of runs of this user that were killed: their locks ended with their last process. A directory whose
# process runs costs no process: hundreds of runs may begin at once, and each finds the directories of all others.
private_dir::sweep() {
  local directory process
  type -P flock >/dev/null || return 0
  for directory in "${TMPDIR:-/tmp}"/gke-job.*; do
    [[ -O $directory && ! -L $directory ]] || continue
    process=''
    [[ ! ${directory##*/gke-job.} =~ ^([0-9]+)-[0-9a-z_]+$ ]] || process=${BASH_REMATCH[1]}
    ! processes::is_running "$process" || continue
    [[ $process || -f $directory/$MARK ]] || continue
    flock -n "$directory" rm -rf -- "$directory" || true
  done
}

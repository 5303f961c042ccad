# shellcheck shell=bash
# The private directory of a run. A lock on it shows that the run still uses it. signals.bash removes it at the end of the run.
# If the run was killed, the next run removes it.

readonly REQUIRED_BYTES=65536        # of free space in TMPDIR that a script needs at its start
readonly MARKER_FILE=made-by-gke-job # a file in each private directory; the run has locked the directory before

own_private_dir='' # the private directory, if this script has created it

# Creates a directory for this run, which is removed when the script ends. A stage of run-job uses the directory of run-job. Two
# tasks cannot share a directory, because the GKE auth plugin caches the token of one account next to the kubeconfig.
# Sets: PRIVATE_DIR. Exports: TMPDIR, and HOME if the user cannot write there.
private_dir::make() {
  PRIVATE_DIR=''
  if common::is_stage; then
    PRIVATE_DIR=$GKE_JOB_RUN
  else
    private_dir::remove_abandoned
    private_dir::create
  fi
  export TMPDIR=$PRIVATE_DIR # temporary files of all stages are removed with the directory
  # gcloud and kubectl write below HOME, which a BashOperator with env= does not pass on.
  [[ -w ${HOME-} ]] || export HOME=$PRIVATE_DIR
}

# Creates and locks the directory. Children inherit the lock, which shows other runs that the directory is in use. Until
# MARKER_FILE exists, the process id in the name of the directory shows this.
private_dir::create() {
  local parent=${TMPDIR:-/tmp}
  [[ $parent != *[,\"$'\n']* ]] ||
    die "$EXIT_CONFIG" "TMPDIR is ${parent@Q}: kubectl cannot read files in a path with a comma, a quote or a line break"
  # Set before the directory exists, so that it is also removed if a signal arrives in between. BASHPID makes it unique.
  own_private_dir=$parent/gke-job.$BASHPID-$RANDOM
  mkdir -m 700 -- "$own_private_dir" 2>/dev/null ||
    die "$EXIT_CONFIG" "cannot create a private directory in $parent: set TMPDIR to another directory"
  PRIVATE_DIR=$own_private_dir
  if type -P flock >/dev/null; then
    exec {private_dir_lock}<"$PRIVATE_DIR"
    flock -n "$private_dir_lock" || true # the file system may have no locks
  fi
  # Without free space a run must fail before it creates a Job.
  if ! { printf '%*s' "$REQUIRED_BYTES" '' >"$PRIVATE_DIR/$MARKER_FILE" && : >"$PRIVATE_DIR/$MARKER_FILE"; } 2>/dev/null; then
    rm -rf -- "$PRIVATE_DIR"
    die "$EXIT_CONFIG" "cannot write to $PRIVATE_DIR: set TMPDIR to another directory"
  fi
}

# Removes the directories of this user's killed runs, whose locks have ended with their last process. For a directory whose
# process still runs it starts no flock: hundreds of runs may start at once, and each finds the directories of all others.
private_dir::remove_abandoned() {
  local directory process
  type -P flock >/dev/null || return 0
  for directory in "${TMPDIR:-/tmp}"/gke-job.*; do
    [[ -O $directory && ! -L $directory ]] || continue
    process=''
    [[ ! ${directory##*/gke-job.} =~ ^([0-9]+)-[0-9a-z_]+$ ]] || process=${BASH_REMATCH[1]}
    [[ ! $process ]] || processes::has_ended "$process" || continue
    [[ $process || -f $directory/$MARKER_FILE ]] || continue
    flock -n "$directory" rm -rf -- "$directory" || true
  done
}

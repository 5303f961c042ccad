# shellcheck shell=bash
# The end of a script: by itself, or by a signal. The library sets its traps here, except for ERR (common.bash).
#
# Globals: requesting, the process id of the request that is being sent, empty for none (connection::ask, change::try);
# proxy, the process id of kubectl proxy, empty if this script has not started it; made_dir, see private_dir.bash.

readonly SETTLE_SECONDS=1 # how long an interrupted script waits for the answer to its request

requesting=''
proxy=''

# Sets the traps of a script. Call it once, in main, before private_dir::make.
signals::install() {
  trap signals::clean_up EXIT
  trap 'signals::stop 143' TERM
  trap 'signals::stop 130' INT
  trap 'signals::stop 129' HUP PWR PIPE
}

# Ends the script after a signal. Further signals are ignored, so that they do not interrupt the cleanup.
signals::stop() { # STATUS
  trap '' TERM INT HUP PWR PIPE
  signals::settle || true
  exit "$1"
}

# Waits for the answer to the request that is being sent: a write that is cut off may or may not have been carried out.
# Returns 1 when there is no answer within SETTLE_SECONDS.
signals::settle() {
  local tries=$((SETTLE_SECONDS * 20))
  while [[ $requesting ]] && processes::is_running "$requesting"; do
    ((tries-- > 0)) || return 1
    processes::pause 0.05
  done
}

# Ends the background processes, which may hold stdout open, and removes the private directory. An exit code above 128
# means that a command of the script was killed: the script then ends with 129.
signals::clean_up() {
  local status=$? IFS=$'\n' child
  trap '' TERM INT HUP PWR PIPE # the result is printed, and the handlers need the directory
  for child in $(jobs -pr) ${proxy:+"$proxy"}; do processes::kill "$child"; done
  if [[ $made_dir ]]; then
    # A child may still write. The directory does not exist if TMPDIR cannot be used.
    until rm -rf -- "$made_dir" 2>/dev/null || [[ ! -e $made_dir ]]; do processes::pause 0.02; done
  fi
  case $status in
    129 | 130 | 143) ;;
    *) ((status < 128)) || exit "$EXIT_INTERRUPTED" ;;
  esac
}

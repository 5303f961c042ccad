# shellcheck shell=bash
# Ends a script: the traps for its exit and for signals. Only the trap for ERR is in common.bash.
#
# Globals: requesting, the process id of the current request, empty for none (connection::ask, change::try); proxy, the process
# id of kubectl proxy, empty if this script has not started it; own_private_dir, see private_dir.bash.

readonly ANSWER_SECONDS=1 # how long an interrupted script waits for the answer to its request

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
  signals::await_answer || true
  exit "$1"
}

# Waits for the answer to the current request, because the API server may or may not process a write that is cut off.
# Returns 1 if there is no answer within ANSWER_SECONDS.
signals::await_answer() {
  local tries=$((ANSWER_SECONDS * 20))
  while [[ $requesting ]] && processes::is_running "$requesting"; do
    ((tries-- > 0)) || return 1
    processes::pause 0.05
  done
}

# Ends the background processes, which may hold stdout open, and removes the private directory. An exit code above 128
# means that a command of the script was killed: the script then ends with 129.
signals::clean_up() {
  local status=$? IFS=$'\n' child
  trap '' TERM INT HUP PWR PIPE # the handlers need the directory, which is removed here
  for child in $(jobs -pr) ${proxy:+"$proxy"}; do processes::kill "$child"; done
  [[ ! $own_private_dir ]] || processes::remove_directory "$own_private_dir"
  case $status in
    129 | 130 | 143) ;;
    *) ((status < 128)) || exit "$EXIT_INTERRUPTED" ;;
  esac
}

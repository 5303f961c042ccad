# shellcheck shell=bash
# Children that never outlive their script, and a script that never outlives its Airflow task.
#
# However a script ends, by SIGKILL too, the kernel then signals each child that was begun with `start`. In the same way
# a script that Airflow runs hears that the process of its task is gone, as PWR: the worker died, and nobody will read
# on. The Job is not ended by that, since nobody asked for it.

# Puts into `tie` what to write before a command, so that the kernel sends it SIGNAL when the process PARENT is gone, ''
# for the one that was tied last. PARENT is looked at last: it may have ended before the kernel was asked.
processes::tie_to() { # PARENT SIGNAL
  if [[ ! ${GKE_JOB_SETPRIV-} ]]; then
    GKE_JOB_SETPRIV=no
    ! setpriv --pdeathsig clear true 2>/dev/null || GKE_JOB_SETPRIV=yes
    export GKE_JOB_SETPRIV # the scripts that this one starts need not try
  fi
  if [[ $GKE_JOB_SETPRIV == yes ]]; then
    # shellcheck disable=SC2016 # for that shell
    tie=(setpriv --pdeathsig "$2" sh -c '[ "$PPID" = "${0:-$GKE_JOB_TIED}" ] && export GKE_JOB_TIED=$$ && exec "$@"' "$1")
  else # util-linux is older than 2.33
    tie=("$PYTHON" -c 'import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.Signals[f"SIG{sys.argv[2]}"].value)
parent = int(sys.argv[1] or os.environ["GKE_JOB_TIED"])
os.environ["GKE_JOB_TIED"] = str(os.getpid())
os.getppid() == parent and os.execvp(sys.argv[3], sys.argv[3:])' "$1" "$2")
  fi
}

# Starts a command in the background; `$!` is its process id.
processes::start() { # SIGNAL-WHEN-WE-ARE-GONE COMMAND...
  local tie
  processes::tie_to "$BASHPID" "$1"
  "${tie[@]}" "${@:2}" <&0 &
}

# Starts a command that is ended after so many seconds, 0 for never; `wait` gives 124 then. From a terminal it may ask
# something there, otherwise what it has started is ended with it.
processes::start_within() { # SECONDS COMMAND...
  local tie options=(--kill-after=1)
  [[ ! -t 0 ]] || options+=(--foreground)
  processes::tie_to '' KILL
  processes::start KILL timeout "${options[@]}" "$1" "${tie[@]}" "${@:2}"
}

# Whether a child is still at work. Not `kill -0`: where a trap is run, bash may not yet have taken note of a child's end.
processes::is_running() { # PROCESS-ID
  local stat
  [[ $1 ]] && { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } != Z* ]]
}

# Ends a child, with all that it has started where it leads a process group. Disowned, so that bash does not say that it was killed.
processes::kill() { # PROCESS-ID
  disown "$1" 2>/dev/null || true
  kill -KILL -- "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null || true
  while processes::is_running "$1"; do processes::pause 0.01; done
}

# Waits, and a signal is handled at once. Not with `read -t`: where a trap ends the script during it, bash 5.2 returns to
# that read from inside the trap, and the script goes on.
processes::pause() { # SECONDS
  processes::start KILL sleep "$1" >/dev/null 2>&1
  wait $! || true
}

# By hand a script may outlive its shell: nohup and disown are meant so.
if [[ ${AIRFLOW_CTX_DAG_ID-} && ${GKE_JOB_TIED-} != "$$" ]] && type -P "$PYTHON" >/dev/null; then
  processes::tie_to "$PPID" PWR
  exec "${tie[@]}" "$BASH" "$0" "$@"
fi

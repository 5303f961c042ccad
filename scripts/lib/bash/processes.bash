# shellcheck shell=bash
# Children that never outlive their script, and a script that never outlives its Airflow task.
#
# When a script ends, also by SIGKILL, the kernel signals each child that processes::start has started. In the same way the
# kernel sends PWR to a script that Airflow runs when the process of its task ends: the worker died. That does not end the
# Job, because nobody asked for it.

# Sets: tie, the words before a command with which the kernel sends it SIGNAL when the process PARENT ends. An empty PARENT
# is the process that was tied last. The command checks PARENT last: it may have ended before.
processes::tie_to() { # PARENT SIGNAL
  if [[ ! ${GKE_JOB_SETPRIV-} ]]; then
    GKE_JOB_SETPRIV=no
    ! setpriv --pdeathsig clear true 2>/dev/null || GKE_JOB_SETPRIV=yes
    export GKE_JOB_SETPRIV # for the scripts that this one starts
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

# Starts a command in the background, which gets SIGNAL when this script ends. `$!` is its process id.
processes::start() { # SIGNAL COMMAND...
  local tie
  processes::tie_to "$BASHPID" "$1"
  "${tie[@]}" "${@:2}" <&0 &
}

# Starts a command in the background and ends it after SECONDS, 0 for never; `wait` then returns 124. In a terminal the
# command may ask the user; elsewhere its children end with it.
processes::start_within() { # SECONDS COMMAND...
  local tie options=(--kill-after=1)
  [[ ! -t 0 ]] || options+=(--foreground)
  processes::tie_to '' KILL
  processes::start KILL timeout "${options[@]}" "$1" "${tie[@]}" "${@:2}"
}

# Whether a child runs. `kill -0` cannot answer that in a trap: bash may not have noticed the end of the child yet.
processes::is_running() { # PROCESS-ID
  local stat
  [[ $1 ]] && { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } != Z* ]]
}

# Kills a child, with its process group if it leads one. It is disowned, so that bash does not print that it was killed.
processes::kill() { # PROCESS-ID
  disown "$1" 2>/dev/null || true
  kill -KILL -- "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null || true
  while processes::is_running "$1"; do processes::pause 0.01; done
}

# Ends a child: by SIGTERM, and after 2 s by SIGKILL.
processes::end() { # PROCESS-ID
  local tries=40
  while processes::is_running "$1" && ((tries-- > 0)); do
    kill -TERM "$1" 2>/dev/null || true
    processes::pause 0.05
  done
  processes::kill "$1"
}

# Waits, and handles a signal at once. `read -t` cannot do that: when a trap ends the script during the read, bash 5.2
# returns to the read, and the script continues.
processes::pause() { # SECONDS
  processes::start KILL sleep "$1" >/dev/null 2>&1
  wait $! || true
}

# Whether Airflow runs this script, and the kernel does not know yet that it ends with its task. Then it sets: tie, the words
# with which main starts the script again. Outside Airflow a script may outlive its shell, by nohup or disown.
processes::must_tie() {
  [[ ${AIRFLOW_CTX_DAG_ID-} && ${GKE_JOB_TIED-} != "$$" ]] && type -P "$PYTHON" >/dev/null || return
  processes::tie_to "$PPID" PWR
}

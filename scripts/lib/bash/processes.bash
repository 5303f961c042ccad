# shellcheck shell=bash
# Starts and ends child processes. No child continues after its script, and no script after its Airflow task.
#
# When a script ends, also by SIGKILL, the kernel sends a signal to each child that processes::start has started: the parent
# death signal, see prctl(2). In the same way a script that Airflow runs gets PWR when the process of its task ends because the
# worker died. The Job then continues, because nobody has requested its end.

# Sets: with_death_signal, a prefix for a command. The kernel sends SIGNAL to the command when its parent ends. PARENT is the
# process id of this parent; empty for the process that has last started with this prefix, GKE_JOB_DEATH_SIGNAL_PID. The prefix
# checks that PARENT has not ended before it set the signal.
processes::set_death_signal() { # PARENT SIGNAL
  if [[ ! ${GKE_JOB_SETPRIV-} ]]; then
    GKE_JOB_SETPRIV=no
    ! setpriv --pdeathsig clear true 2>/dev/null || GKE_JOB_SETPRIV=yes
    export GKE_JOB_SETPRIV # for the scripts that this one starts
  fi
  if [[ $GKE_JOB_SETPRIV == yes ]]; then
    # shellcheck disable=SC2016 # sh expands these variables
    with_death_signal=(setpriv --pdeathsig "$2" sh -c '[ "$PPID" = "${0:-$GKE_JOB_DEATH_SIGNAL_PID}" ] && export GKE_JOB_DEATH_SIGNAL_PID=$$ && exec "$@"' "$1")
  else # util-linux is older than 2.33
    with_death_signal=("$PYTHON" -c 'import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.Signals[f"SIG{sys.argv[2]}"].value)
parent = int(sys.argv[1] or os.environ["GKE_JOB_DEATH_SIGNAL_PID"])
os.environ["GKE_JOB_DEATH_SIGNAL_PID"] = str(os.getpid())
os.getppid() == parent and os.execvp(sys.argv[3], sys.argv[3:])' "$1" "$2")
  fi
}

# Starts a command in the background. It gets SIGNAL when this script ends. Sets: $!, its process id.
processes::start() { # SIGNAL COMMAND...
  local with_death_signal
  processes::set_death_signal "$BASHPID" "$1"
  "${with_death_signal[@]}" "${@:2}" <&0 &
}

# Starts a command in the background and ends it after SECONDS, 0 for never; `wait` then returns 124. On a terminal the command
# runs in the foreground, so that it can prompt the user; otherwise its children end with it.
processes::start_within() { # SECONDS COMMAND...
  local with_death_signal options=(--kill-after=1)
  [[ ! -t 0 ]] || options+=(--foreground)
  processes::set_death_signal '' KILL
  processes::start KILL timeout "${options[@]}" "$1" "${with_death_signal[@]}" "${@:2}"
}

# Whether a child runs. In a trap `kill -0` may succeed for a child that has ended, because bash has not waited for it yet.
processes::is_running() { # PROCESS-ID
  local stat
  [[ $1 ]] && { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } != Z* ]]
}

# Whether a process has certainly ended: not if its state cannot be read, for example without a free file descriptor.
processes::has_ended() { # PROCESS-ID
  local stat
  [[ -e /proc/self/stat ]] || return 1
  [[ -e /proc/$1/stat ]] || return 0
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } == Z* ]]
}

# Kills a child, and its process group if it leads one. It is disowned, because otherwise bash prints a message about it.
processes::kill() { # PROCESS-ID
  disown "$1" 2>/dev/null || true
  kill -KILL -- "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null || true
  while processes::is_running "$1"; do processes::pause 0.01; done
}

# Ends a child with SIGTERM, and after 2 s with SIGKILL.
processes::end() { # PROCESS-ID
  local tries=40
  while processes::is_running "$1" && ((tries-- > 0)); do
    kill -TERM "$1" 2>/dev/null || true
    processes::pause 0.05
  done
  processes::kill "$1"
}

# Removes a directory. Repeats this for about a second, because children of a killed process may still write. Returns 0 also if
# the directory remains.
processes::remove_directory() { # DIRECTORY
  local tries=50
  until rm -rf -- "$1" 2>/dev/null || [[ ! -e $1 ]]; do
    ((tries-- > 0)) || return 0
    processes::pause 0.02
  done
}

# Waits, and handles a signal at once. It does not use `read -t`: when a trap ends the script during the read, bash 5.2 returns
# to the read, and the script continues.
processes::pause() { # SECONDS
  processes::start KILL sleep "$1" >/dev/null 2>&1
  wait $! || true
}

# Whether main must start the script again with a death signal: Airflow runs it, and it has no death signal yet. Outside Airflow
# a script may continue after its shell, by nohup or disown. Sets: with_death_signal, if it returns 0.
processes::must_end_with_task() {
  [[ ${AIRFLOW_CTX_DAG_ID-} && ${GKE_JOB_DEATH_SIGNAL_PID-} != "$$" ]] && type -P "$PYTHON" >/dev/null || return
  processes::set_death_signal "$PPID" PWR
}

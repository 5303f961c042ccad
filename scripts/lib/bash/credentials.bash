# shellcheck shell=bash
# Gets a kubeconfig for a GKE cluster, and caches it for later runs of the same account.

readonly GCLOUD_SECONDS=120                        # timeout of a gcloud command, also in get-credentials --help
readonly LOCK_SECONDS=$((2 * GCLOUD_SECONDS + 10)) # timeout for another process, which runs two such commands

# Sets: command, the gcloud command that writes the kubeconfig.
credentials::gcloud_command() {
  local endpoints
  access::find_endpoints
  if [[ ${option[fleet_membership]} ]]; then
    command=(gcloud container fleet memberships get-credentials "${option[fleet_membership]}")
  else
    command=(gcloud container clusters get-credentials "${option[cluster]}")
  fi
  [[ ! ${option[location]} ]] || command+=(--location "${option[location]}")
  command+=(--project "${option[project]}" "${endpoints[@]}")
  [[ ! ${option[impersonate_service_account]} ]] ||
    command+=(--impersonate-service-account "${option[impersonate_service_account]}")
}

# Sets: auth, adc or gcloud; state and entry, the state and the directory of the cache entry, see gke_jobs/access/command.py;
# settings, environment variables with which gcloud uses the same account.
credentials::find_account() {
  local email=${option[impersonate_service_account]}
  : >"$scratch/began"
  "${COMMAND[@]}" access --cache "$GKE_JOB_CACHE" --auth "${option[auth]}" \
    ${email:+--impersonate-service-account "$email"} -- "${command[@]}" >"$scratch/account"
  mapfile -t settings <"$scratch/account"
  read -r auth state entry <<<"${settings[0]}"
  settings=("${settings[@]:1}")
}

# Updates the cache entry. Only one process does this at a time. The others wait for it and use its result, which may be an
# error.
credentials::renew() {
  exec {lock}<"$entry"
  if type -P flock >/dev/null; then
    processes::start KILL flock --wait "$LOCK_SECONDS" --conflict-exit-code 75 "$lock"
    wait $! || (($? != 75)) || # another exit code: the file system has no locks
      die "$EXIT_UNREACHABLE" "cannot get credentials: another process has locked $entry for more than $LOCK_SECONDS s: end it, or try again"
  fi
  [[ ! $entry/failed -nt $scratch/began ]] || credentials::repeat_failure
  if [[ ! $entry/renewed -nt $scratch/began ]]; then
    if [[ $state == stale ]]; then
      credentials::get_kubeconfig || credentials::share_failure
      rm -f -- "$entry/gke_gcloud_auth_plugin_cache" "$entry/failed"
      # If the file system of the cache is full, nothing is cached.
      if ! { cp -- "$scratch/kubeconfig" "$entry/new" && mv -f -- "$entry/new" "$entry/kubeconfig"; } 2>/dev/null; then
        rm -f -- "$entry/new"
        entry=$scratch
        exec {lock}<&-
        return
      fi
    fi
    # The plugin caches neither application-default tokens nor a token that gcloud reads from a file.
    [[ $auth == adc || ${CLOUDSDK_AUTH_ACCESS_TOKEN_FILE-} ]] || credentials::cache_token || credentials::share_failure
    { : >"$entry/renewed"; } 2>/dev/null || true
  fi
  exec {lock}<&-
}

# Writes $scratch/kubeconfig. If gcloud fails, it returns 1 with the message in $scratch/error, and gcloud::try has set verdict.
credentials::get_kubeconfig() {
  local -x KUBECONFIG=$scratch/kubeconfig
  local what="cluster ${option[cluster]} in ${option[location]}"
  [[ ! ${option[fleet_membership]} ]] || what="fleet membership ${option[fleet_membership]}"
  # gcloud refuses application-default credentials with a DNS endpoint. Therefore credentials::set_plugin_account sets them.
  gcloud::try "$GCLOUD_SECONDS" "get credentials for $what, project ${option[project]}" \
    env CLOUDSDK_CONTAINER_USE_APPLICATION_DEFAULT_CREDENTIALS=false "${settings[@]}" "${command[@]}" \
    2>"$scratch/error" || return
  credentials::set_plugin_account
}

# Sets the arguments of the auth plugin in the kubeconfig, so that the plugin uses the selected account.
credentials::set_plugin_account() {
  local email=${option[impersonate_service_account]} arguments=()
  [[ $auth != adc ]] || arguments+=(--use_application_default_credentials)
  [[ ! $email ]] || arguments+=("--impersonate_service_account=$email")
  ((${#arguments[@]} == 0)) || "${COMMAND[@]}" plugin-arguments -- "$KUBECONFIG" "${arguments[@]}" || exit
}

# Ends the script with the error in $scratch/error.
credentials::fail() {
  cat -- "$scratch/error" >&2
  common::exit_for "$verdict"
}

# Ends the script with the error, and saves the error for the processes that wait for this one.
credentials::share_failure() {
  { printf '%s\n' "$verdict" && cat -- "$scratch/error"; } >"$entry/new" && mv -f -- "$entry/new" "$entry/failed"
  credentials::fail
}

# Ends the script with the error of the process for which this one has waited.
credentials::repeat_failure() {
  local level=3 verdict message
  { read -r verdict && read -r message; } <"$entry/failed"
  message=${message#"<"[34]">"}
  message=${message#*: } # without the name of the script
  common::tell_caller reason "$message"
  log "$message"
  common::exit_for "$verdict"
}

# Gets a token for the cache, so that the plugin does not call gcloud again for each kubectl. Returns 1 if the plugin does not
# answer. It ignores other errors, which kubectl reports later.
credentials::cache_token() {
  local status=0 level=3
  local message="cannot get a token: no answer from gke-gcloud-auth-plugin within $GCLOUD_SECONDS s: try again"
  KUBECONFIG=$entry/kubeconfig processes::start_within "$GCLOUD_SECONDS" gke-gcloud-auth-plugin \
    ${option[impersonate_service_account]:+--impersonate_service_account="${option[impersonate_service_account]}"} \
    </dev/null >/dev/null 2>&1
  wait $! || status=$?
  ((status == 124)) || return 0
  verdict=transient
  common::tell_caller reason "$message"
  log "$message" 2>"$scratch/error"
  return 1
}

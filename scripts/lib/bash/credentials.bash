# shellcheck shell=bash
# Gets a kubeconfig for a GKE cluster, and caches it for later runs of the same account.

readonly GCLOUD_SECONDS=120                        # for a call of gcloud; get-credentials --help names it
readonly LOCK_SECONDS=$((2 * GCLOUD_SECONDS + 10)) # for another process, which makes two such calls

# Sets: command, the call of gcloud that writes the kubeconfig.
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

# Sets: auth, adc or gcloud; state and entry, of the cache, as documented in access/command.py; settings, environment
# variables with which gcloud uses the same account.
credentials::find_account() {
  local email=${option[impersonate_service_account]}
  : >"$scratch/began"
  "${COMMAND[@]}" access --cache "$GKE_JOB_CACHE" --auth "${option[auth]}" \
    ${email:+--impersonate-service-account "$email"} -- "${command[@]}" >"$scratch/account"
  mapfile -t settings <"$scratch/account"
  read -r auth state entry <<<"${settings[0]}"
  settings=("${settings[@]:1}")
}

# Updates the cache entry. Only one process does so; others that wait for it use its result, also if it is an error.
credentials::renew() {
  exec {lock}<"$entry"
  if type -P flock >/dev/null; then
    processes::start KILL flock --wait "$LOCK_SECONDS" --conflict-exit-code 75 "$lock"
    wait $! || (($? != 75)) || # other errors: a file system without locks
      die "$EXIT_UNREACHABLE" "cannot get credentials: another process has locked $entry for more than $LOCK_SECONDS s: end it, or try again"
  fi
  [[ ! $entry/failed -nt $scratch/began ]] || credentials::fail_as_well
  if [[ ! $entry/renewed -nt $scratch/began ]]; then
    if [[ $state == stale ]]; then
      credentials::get_kubeconfig || credentials::fail_for_all
      rm -f -- "$entry/gke_gcloud_auth_plugin_cache" "$entry/failed"
      # The entry may be on another file system, which may be full: then nothing is cached.
      if ! { cp -- "$scratch/kubeconfig" "$entry/new" && mv -f -- "$entry/new" "$entry/kubeconfig"; } 2>/dev/null; then
        rm -f -- "$entry/new"
        entry=$scratch
        exec {lock}<&-
        return
      fi
    fi
    # The plugin caches neither application-default tokens nor a token that gcloud reads from a file.
    [[ $auth == adc || ${CLOUDSDK_AUTH_ACCESS_TOKEN_FILE-} ]] || credentials::keep_token || credentials::fail_for_all
    { : >"$entry/renewed"; } 2>/dev/null || true
  fi
  exec {lock}<&-
}

# Writes $scratch/kubeconfig. If gcloud fails, $scratch/why has the reason, and verdict is that of explain-error.
credentials::get_kubeconfig() {
  local -x KUBECONFIG=$scratch/kubeconfig
  local what="cluster ${option[cluster]} in ${option[location]}"
  [[ ! ${option[fleet_membership]} ]] || what="fleet membership ${option[fleet_membership]}"
  # gcloud refuses application-default credentials with a DNS endpoint, so credentials::adopt_account sets them.
  gcloud::try "$GCLOUD_SECONDS" "get credentials for $what, project ${option[project]}" \
    env CLOUDSDK_CONTAINER_USE_APPLICATION_DEFAULT_CREDENTIALS=false "${settings[@]}" "${command[@]}" \
    2>"$scratch/why" || return
  credentials::adopt_account
}

# Sets the arguments of the auth plugin in the kubeconfig, so that it uses the account.
credentials::adopt_account() {
  local email=${option[impersonate_service_account]} arguments=()
  [[ $auth != adc ]] || arguments+=(--use_application_default_credentials)
  [[ ! $email ]] || arguments+=("--impersonate_service_account=$email")
  ((${#arguments[@]} == 0)) || "${COMMAND[@]}" plugin-arguments -- "$KUBECONFIG" "${arguments[@]}" || exit
}

# Ends the script with the error of gcloud.
credentials::fail() {
  cat -- "$scratch/why" >&2
  common::exit_for "$verdict"
}

credentials::fail_for_all() {
  { printf '%s\n' "$verdict" && cat -- "$scratch/why"; } >"$entry/new" && mv -f -- "$entry/new" "$entry/failed"
  credentials::fail
}

# Ends the script with the error of another process, which has just failed in the same step.
credentials::fail_as_well() {
  local level=3 verdict why
  { read -r verdict && read -r why; } <"$entry/failed"
  why=${why#"<"[34]">"}
  common::report reason "${why#*: }"
  log "${why#*: }"
  common::exit_for "$verdict"
}

# Gets a token for the cache, so that only one call of gcloud is needed for it, and none by kubectl. Other errors are left
# to kubectl, which reports them. Returns 1 if there is no answer.
credentials::keep_token() {
  local status=0 level=3 said="cannot get a token: no answer from gke-gcloud-auth-plugin within $GCLOUD_SECONDS s: try again"
  KUBECONFIG=$entry/kubeconfig processes::start_within "$GCLOUD_SECONDS" gke-gcloud-auth-plugin \
    ${option[impersonate_service_account]:+--impersonate_service_account="${option[impersonate_service_account]}"} \
    </dev/null >/dev/null 2>&1
  wait $! || status=$?
  ((status == 124)) || return 0
  verdict=transient
  common::report reason "$said"
  log "$said" 2>"$scratch/why"
  return 1
}

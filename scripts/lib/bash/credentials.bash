# shellcheck shell=bash
# A kubeconfig for a cluster of GKE, kept for the next run of the same account.

readonly GCLOUD_SECONDS=120                        # for a call of gcloud; get-credentials --help names it
readonly LOCK_SECONDS=$((2 * GCLOUD_SECONDS + 10)) # for another process that makes two

# Puts into `command` the call of gcloud that writes the kubeconfig.
credentials::gcloud_command() {
  if [[ ${option[fleet_membership]} ]]; then
    command=(gcloud container fleet memberships get-credentials "${option[fleet_membership]}")
  else
    command=(gcloud container clusters get-credentials "${option[cluster]}")
  fi
  [[ ! ${option[location]} ]] || command+=(--location "${option[location]}")
  command+=(--project "${option[project]}")
  [[ ! ${option[internal_ip]} ]] || command+=(--internal-ip)
  [[ ! ${option[dns_endpoint]} ]] || command+=(--dns-endpoint)
  [[ ! ${option[impersonate_service_account]} ]] ||
    command+=(--impersonate-service-account "${option[impersonate_service_account]}")
}

# Sets: auth, adc or gcloud; state and entry, what is kept and where, as access/command.py says; settings, an environment
# with which gcloud uses the same account.
credentials::find_account() {
  local email=${option[impersonate_service_account]}
  : >"$scratch/began"
  "${COMMAND[@]}" access --cache "$GKE_JOB_CACHE" --auth "${option[auth]}" \
    ${email:+--impersonate-service-account "$email"} -- "${command[@]}" >"$scratch/account"
  mapfile -t settings <"$scratch/account"
  read -r auth state entry <<<"${settings[0]}"
  settings=("${settings[@]:1}")
}

# Brings the entry up to date: one process does so, others that came meanwhile take what it got, an error as well.
credentials::renew() {
  exec {lock}<"$entry"
  if type -P flock >/dev/null; then
    processes::start KILL flock --wait "$LOCK_SECONDS" --conflict-exit-code 75 "$lock"
    wait $! || (($? != 75)) || # other errors: a file system without locks
      die "$EXIT_UNREACHABLE" "cannot get credentials: another process holds $entry for more than $LOCK_SECONDS s: end it, or try again"
  fi
  [[ ! $entry/failed -nt $scratch/began ]] || credentials::fail_as_well
  if [[ ! $entry/renewed -nt $scratch/began ]]; then
    if [[ $state == stale ]]; then
      credentials::get_kubeconfig || credentials::fail_for_all
      rm -f -- "$entry/gke_gcloud_auth_plugin_cache" "$entry/failed"
      # The entry may be on another file system, and that may be full: then nothing is kept.
      if ! { cp -- "$scratch/kubeconfig" "$entry/new" && mv -f -- "$entry/new" "$entry/kubeconfig"; } 2>/dev/null; then
        rm -f -- "$entry/new"
        entry=$scratch
        exec {lock}<&-
        return
      fi
    fi
    # The plugin keeps neither application-default tokens nor one that gcloud reads from a file.
    [[ $auth == adc || ${CLOUDSDK_AUTH_ACCESS_TOKEN_FILE-} ]] || credentials::keep_token || credentials::fail_for_all
    { : >"$entry/renewed"; } 2>/dev/null || true
  fi
  exec {lock}<&-
}

# Writes $scratch/kubeconfig. Where gcloud fails, $scratch/why says why, and `verdict` is that of explain-error.
credentials::get_kubeconfig() {
  local -x KUBECONFIG=$scratch/kubeconfig
  local what="cluster ${option[cluster]} in ${option[location]}"
  [[ ! ${option[fleet_membership]} ]] || what="fleet membership ${option[fleet_membership]}"
  # gcloud refuses application-default credentials with a DNS endpoint, hence credentials::adopt_account.
  gcloud::try "$GCLOUD_SECONDS" "get credentials for $what, project ${option[project]}" \
    env CLOUDSDK_CONTAINER_USE_APPLICATION_DEFAULT_CREDENTIALS=false "${settings[@]}" "${command[@]}" \
    2>"$scratch/why" || return
  credentials::adopt_account
}

# Has the auth plugin of the kubeconfig use the account.
credentials::adopt_account() {
  local email=${option[impersonate_service_account]} arguments=()
  [[ $auth != adc ]] || arguments+=(--use_application_default_credentials)
  [[ ! $email ]] || arguments+=("--impersonate_service_account=$email")
  ((${#arguments[@]} == 0)) || "${COMMAND[@]}" plugin-arguments -- "$KUBECONFIG" "${arguments[@]}" || exit
}

# Ends the script for what gcloud has said.
credentials::fail() {
  cat -- "$scratch/why" >&2
  common::exit_for "$verdict"
}

credentials::fail_for_all() {
  { printf '%s\n' "$verdict" && cat -- "$scratch/why"; } >"$entry/new" && mv -f -- "$entry/new" "$entry/failed"
  credentials::fail
}

# Another process has just failed in the same.
credentials::fail_as_well() {
  local level=3 verdict why
  { read -r verdict && read -r why; } <"$entry/failed"
  why=${why#"<"[34]">"}
  common::report reason "${why#*: }"
  log "${why#*: }"
  common::exit_for "$verdict"
}

# What a token costs, a call of gcloud, is paid once, and not by kubectl. Where this fails, kubectl will say why; 1 where
# there is no answer.
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

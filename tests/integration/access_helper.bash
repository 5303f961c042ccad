# shellcheck shell=bash
# What the tests of credentials share: `load access_helper` after test_helper, then use_access in setup.

# shellcheck disable=SC2034 # for the tests
VIEWER=viewer@localgke-project.iam.gserviceaccount.com

use_access() { # -> place, kubeconfig
  place=(--project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION")
  export GKE_JOB_CACHE=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR
  kubeconfig=$BATS_TEST_TMPDIR/kubeconfig
}

get_credentials() { # OPTION...
  run_script get-credentials "${place[@]}" "$@" --kubeconfig "$kubeconfig"
}

# Counts the calls of gcloud from now on: each is a line of $calls.
count_gcloud() {
  calls=$BATS_TEST_TMPDIR/calls
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho "$*" >>"%s"\nexec "%s" "$@"\n' "$calls" "$(type -P gcloud)" >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  : >"$calls"
}

calls_are() { # NUMBER
  assert_equal "$(wc -l <"$calls")" "$1"
}

assert_leads_to_the_cluster() {
  KUBECONFIG=$kubeconfig run --separate-stderr kubectl get namespaces --output name
  assert_success
  assert_line namespace/default
}

# Replaces PROGRAM by one that never answers, and sets the scripts' timeout for it to a second.
never_answers() { # PROGRAM
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexport GKE_JOB_TEST_MARK=%s\nsleep 600 &\nsleep 600\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/$1"
  chmod +x "$BATS_TEST_TMPDIR/bin/$1"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  cp -r "$REPOSITORY/scripts" "$BATS_TEST_TMPDIR/"
  sed -i 's/^\(readonly GCLOUD_SECONDS\)=120 /\1=1 /; s/^\(readonly LOCK_SECONDS\)=[^#]*/\1=1 /' \
    "$BATS_TEST_TMPDIR/scripts/lib/bash/credentials.bash"
  REPOSITORY=$BATS_TEST_TMPDIR
}

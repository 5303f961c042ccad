# shellcheck shell=bash
# What the tests of deploy-dags share: loaded after test_helper.

# A bucket of this test without objects, and the account that owns it.
use_bucket() { # -> BUCKET, DAGS
  export CLOUDSDK_CONFIG=$BATS_TEST_TMPDIR/gcloud CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token
  echo owner >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  BUCKET=$(basename "$BATS_TEST_FILENAME" .bats)-$BATS_TEST_NUMBER
  DAGS=${BUCKETS:?}/$BUCKET/dags
  mkdir -p "$DAGS"
}

# A checkout whose content differs from this one.
make_checkout() { # -> CHECKOUT
  CHECKOUT=$BATS_TEST_TMPDIR/checkout
  mkdir "$CHECKOUT"
  cp -r "$REPOSITORY/scripts" "$REPOSITORY/dags" "$REPOSITORY/templates" "$CHECKOUT"
  echo '# changed' >>"$CHECKOUT/scripts/run-job"
}

# The one release of the bucket.
find_release() { # -> release
  local found=("$DAGS"/gke_job_releases/v*)
  assert_equal "${#found[@]}" 1
  release=${found[0]##*/}
}

# A gcloud that runs a shell command before or after it copies releases.
use_gcloud_that() { # SHELL-COMMAND-BEFORE SHELL-COMMAND-AFTER
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\ncase "$*" in *"storage cp --recursive"*) ;; *) exec %q "$@" ;; esac\n%s\n%q "$@" || exit\n%s\n' \
    "$(type -P gcloud)" "$1" "$(type -P gcloud)" "$2" >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
}

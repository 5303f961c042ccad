#!/usr/bin/env bats
# bats file_tags=needs:log-rotation
# Logs that the kubelet rotates, here at 64 KiB: follow-job reads what the kubelet returns, and no line twice.

setup_file() {
  load test_helper
  use_generated_namespace
  # 60 times 50 lines of about 130 bytes on the disk: 400 KB in 12 s.
  # shellcheck disable=SC2016 # for the shell of the container
  create_job rotated 'n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); printf "%-70s|\n" $n; [ $((n % 50)) != 0 ] || sleep 0.2; done' \
    '{"suspend": true}'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

resume() {
  kubectl patch job rotated --type merge --patch '{"spec": {"suspend": false}}'
}

@test "a log that rotates while it is followed is read completely, every line once" {
  bash "$REPOSITORY/scripts/follow-job" --job rotated >"$BATS_TEST_TMPDIR/log" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep --quiet 'is suspended' "$BATS_TEST_TMPDIR/err"
  resume
  wait_for $!
  assert_equal "$status" 0
  assert_equal "$(sed 's/^.* | \([0-9]*\) .*$/\1/' "$BATS_TEST_TMPDIR/log" | md5sum)" "$(seq 3000 | md5sum)"
}

@test "the last file of a log that has already rotated is read to its end, every line once" {
  resume # if this is the only test that runs
  wait_for_condition Complete rotated
  bash "$REPOSITORY/scripts/follow-job" --job rotated >"$BATS_TEST_TMPDIR/log" 2>/dev/null
  local lines first
  lines=$(wc --lines <"$BATS_TEST_TMPDIR/log")
  first=$((3001 - lines))
  assert [ "$first" -gt 1 ]
  assert_equal "$(sed 's/^.* | \([0-9]*\) .*$/\1/' "$BATS_TEST_TMPDIR/log" | md5sum)" "$(seq "$first" 3000 | md5sum)"
}

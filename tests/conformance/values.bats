#!/usr/bin/env bats
# A container receives the values unchanged, whatever they contain.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

@test "hostile values arrive unchanged in arguments and variables" {
  "$GKE_JOB_PYTHON" - "$BATS_TEST_TMPDIR" <<'END'
import hashlib, json, pathlib, sys
from unit.templates.hostile import HOSTILE

directory = pathlib.Path(sys.argv[1])
script = 'for text in "$@"; do printf "%s" "$text" | sha256sum; done | sha256sum; printf "%s" "$HOSTILE" | sha256sum'
args = [script + "; exit 0", "sh", *HOSTILE]
env = {"HOME": "/never", "HOSTILE": "".join(HOSTILE)[:120_000]}
values = {"image": "busybox:1.37", "command": ["sh", "-c"], "args": args, "env": env, "retries": 0}
directory.joinpath("values.json").write_text(json.dumps(values))
lines = [f"{hashlib.sha256(text.encode()).hexdigest()}  -\n" for text in HOSTILE]
for text in ("".join(lines), env["HOSTILE"]):
    with directory.joinpath("expected").open("a") as file:
        file.write(f"{hashlib.sha256(text.encode()).hexdigest()}  -\n")
END
  run_script run-job --template batch-job --values "$BATS_TEST_TMPDIR/values.json" --name hostile
  assert_success
  assert_equal "$(kubectl logs job/hostile)" "$(<"$BATS_TEST_TMPDIR/expected")"
}

@test "the largest Job that submit-job accepts runs to its end" {
  "$GKE_JOB_PYTHON" - "$BATS_TEST_TMPDIR" <<'END'
import json, pathlib, sys

values = {"image": "busybox:1.37", "command": ["true"], "args": ["x" * 130_000] * 11 + ["x" * 66_000]}
pathlib.Path(sys.argv[1], "values.json").write_text(json.dumps(values))
values["args"].append("x" * 5_000)
pathlib.Path(sys.argv[1], "too-large.json").write_text(json.dumps(values))
END
  run_script submit-job --template batch-job --values "$BATS_TEST_TMPDIR/too-large.json" --name large
  assert_one_error 65 'batch-job.yaml.j2: Job has 150[0-9]{4} bytes, more than the maximum of 1500000; '
  run_script run-job --template batch-job --values "$BATS_TEST_TMPDIR/values.json" --name large
  assert_success
}

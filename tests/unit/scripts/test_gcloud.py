"""What a deployment asks gcloud: a token, and the release that the bucket names."""

from __future__ import annotations

import stat

import pytest

from gke_jobs import exit_codes
from gke_jobs.deployment.deployed import Deployed, write_pointer
from gke_jobs.deployment.gcloud import Pointer, access_token
from gke_jobs.deployment.unanswered import DeniedError, UnansweredError
from gke_jobs.messages import ScriptError

RELEASE = "v1_0_0_aaaaaaaaaaaa"


def use_gcloud(monkeypatch, directory, script):
    program = directory / "gcloud"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(directory), prepend=":")


def test_a_token_is_what_gcloud_prints(monkeypatch, tmp_path):
    use_gcloud(monkeypatch, tmp_path, "echo token-$1-$2")
    assert access_token(60) == "token-auth-print-access-token"


@pytest.mark.parametrize(
    ("script", "expected", "words"),
    [
        (
            "echo 'ERROR: (gcloud.auth.x) You do not currently have an active account selected.' >&2; exit 1",
            DeniedError,
            "not logged in",
        ),
        ("echo 'broken pipe' >&2; exit 1", UnansweredError, "broken pipe"),
        ("printf 'a b'", UnansweredError, "gcloud has no token"),
    ],
)
def test_no_token_is_no_login_or_passes(monkeypatch, tmp_path, script, expected, words):
    use_gcloud(monkeypatch, tmp_path, script)
    with pytest.raises(UnansweredError, match=words) as error:
        access_token(60)
    assert type(error.value) is expected


def test_a_gcloud_that_does_not_end_is_ended(monkeypatch, tmp_path):
    use_gcloud(monkeypatch, tmp_path, "sleep 1000")
    with pytest.raises(UnansweredError, match="has not ended within 0 s"):
        access_token(0.3)


POINTER = Pointer("gs://b/dags/gke_job/__init__.py", Deployed({RELEASE: 5}))


def pointer(deployed):
    return write_pointer("DEPLOYED: x", deployed)


def test_a_pointer_that_names_the_release_still_may_have_other_changes(monkeypatch, tmp_path):
    text = pointer(Deployed({RELEASE: 5}, {"v1_0_0_bbbbbbbbbbbb": 7}))
    use_gcloud(monkeypatch, tmp_path, f"[ $3 = gs://b/dags/gke_job/__init__.py ] && cat <<'END'\n{text}\nEND")
    POINTER.check(60)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (pointer(Deployed({"v1_0_0_bbbbbbbbbbbb": 9, RELEASE: 5})), "now names v1_0_0_bbbbbbbbbbbb"),
        (pointer(Deployed({RELEASE: 0})), f"now names {RELEASE}"),  # its time counts anew
        ("DEPLOYED: changed by hand", "now names no release"),
        ("\x1b[2J", "now names no release"),
    ],
)
def test_a_pointer_that_names_another_release_is_65(monkeypatch, tmp_path, text, words):
    use_gcloud(monkeypatch, tmp_path, f"cat <<'END'\n{text}\nEND")
    with pytest.raises(ScriptError, match=f"DAGs do not use release {RELEASE} any more: .* {words}") as error:
        POINTER.check(60)
    assert error.value.status == exit_codes.DATA


def test_a_pointer_that_is_removed_names_no_release(monkeypatch, tmp_path):
    use_gcloud(monkeypatch, tmp_path, "echo 'ERROR: (gcloud.storage.cat) x matched no objects or files: y' >&2; exit 1")
    with pytest.raises(ScriptError, match="now names no release"):
        POINTER.check(60)


def test_a_pointer_that_cannot_be_read_may_be_read_later(monkeypatch, tmp_path):
    use_gcloud(monkeypatch, tmp_path, "echo 'ERROR: HTTPError 503' >&2; exit 1")
    with pytest.raises(UnansweredError, match=r"gcloud storage cat: .*503"):
        POINTER.check(60)

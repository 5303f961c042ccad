"""How findings are printed."""

from __future__ import annotations

from gke_jobs.preflight.finding import failed, has_kubectl_fix, lines, ok, summary, to_json, warning

FINDINGS = [ok("a", "fine"), warning("b", "odd", "look"), failed("c", "bad", "mend"), failed("c", "worse", "mend")]


def test_a_finding_has_its_fix_below_it():
    assert lines(FINDINGS[2]) == ["failed   c          bad", "                    fix: mend"]
    assert lines(FINDINGS[0]) == ["ok       a          fine"]


def test_the_summary_counts_and_names_the_failed_checks():
    assert summary(FINDINGS) == "1 ok, 1 warnings, 2 failed: c"


def test_a_fix_with_kubectl_is_found():
    assert has_kubectl_fix([failed("c", "bad", "if so: kubectl apply --filename x")])
    assert not has_kubectl_fix([ok("c", "kubectl get "), failed("c", "bad", "install kubectl, or name a directory")])


def test_as_json_all_are_texts():
    assert to_json(FINDINGS[:1]) == [{"check": "a", "state": "ok", "found": "fine", "fix": ""}]


def test_what_others_have_written_is_sanitized():
    found = warning("a", "one\ntwo\x1b[0m", "three\x07")
    assert "\n" not in found.found
    assert "\x1b" not in found.found
    assert "\x07" not in found.fix

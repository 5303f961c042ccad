"""The cache of credentials."""

import json

from gke_jobs.access import cache


def test_a_token_is_kept_while_it_is_good_for_a_while(tmp_path):
    token = tmp_path / cache.TOKEN
    for expiry, good in (("2999-01-01T00:00:00Z", True), ("2020-01-01T00:00:00.5Z", False), (None, False)):
        token.write_text(json.dumps({"token_expiry": expiry}))
        assert cache.has_token(tmp_path) is good
    token.write_text("")
    assert not cache.has_token(tmp_path)


def test_what_was_not_used_for_a_day_is_removed(tmp_path, monkeypatch):
    old, new, own = (cache.entry(tmp_path / "c", [name]) for name in ("old", "new", "own"))
    (old / "kubeconfig").write_text("x")
    foreign = [tmp_path / "c" / name for name in ("thesis", "A" * 32, "0" * 33)]
    for directory in foreign:
        directory.mkdir()
    now = cache.time.time()
    monkeypatch.setattr(cache.time, "time", lambda: now + 25 * 3600)
    cache.os.utime(new, (now + 25 * 3600, now + 25 * 3600))
    cache.sweep(own)
    assert not old.exists()
    assert all(directory.exists() for directory in (new, own, *foreign))


def test_an_entry_that_is_asked_for_is_in_use(tmp_path):
    place = cache.entry(tmp_path / "c", ["old"])
    cache.os.utime(place, (0, 0))
    other = cache.entry(tmp_path / "c", ["other"])
    assert cache.entry(tmp_path / "c", ["old"]) == place
    cache.sweep(other)
    assert place.exists()

"""When a list of Jobs is shown again."""

from gke_jobs.following.listing import SETTLE_SECONDS, Changes


def test_the_list_is_shown_soon_after_a_change_and_once_for_many():
    changes = Changes()
    assert not changes.should_show(["job"], 0.0)  # before all are listed
    assert not changes.should_show(["synced"], 0.0)
    assert not changes.should_show(["job", "job"], SETTLE_SECONDS / 2)
    assert changes.should_show([], SETTLE_SECONDS)
    assert changes.show_at is None
    assert not changes.should_show(["unreachable"], 5.0)
    assert not changes.should_show(["gone"], 6.0)
    assert changes.should_show([], 6.0 + SETTLE_SECONDS)
    changes.show_at = 60.0  # a Job comes by its age
    assert not changes.should_show(["job"], 10.0)
    assert changes.should_show([], 10.0 + SETTLE_SECONDS)
    changes.show_at = 60.0
    assert changes.should_show([], 60.0)

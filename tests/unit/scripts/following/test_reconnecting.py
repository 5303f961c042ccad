"""When a watch is begun again, and when not any more."""

import pytest
from cluster_objects import NO_ANSWER, status, texts

from gke_jobs.errors import LOGIN_SECONDS
from gke_jobs.following.events import Finish, Kind, List, Message, Watch
from gke_jobs.following.reconnecting import Reconnecting

NO_NAMESPACE = status(404, "NotFound", 'namespaces "x" not found')
LOGIN, DENIED, EXPIRED = status(401, "Unauthorized"), status(403, "Forbidden", "cannot watch resource"), status(410)


class Watches(Reconnecting):
    def __init__(self, *, worked=True, unreachable=600.0):
        super().__init__("Job train", unreachable)
        for kind in Kind:
            self.begin(kind, 0.0)
            if worked:
                list(self.listed(kind, "5", 0.0))
                list(self.opened(kind, 0.0))

    def fail(self, answer, *, kind=Kind.JOB, now=0.0):
        """Fail again and again; return the times of the tries, the messages and the end."""
        tries, said = [], []
        while True:
            done = list(self.ended(kind, answer, now))
            said += texts(done)
            if end := next((action for action in done if isinstance(action, Finish)), None):
                return tries, said, (now, end.status)
            now = self.next_time()
            assert len(list(self.act(now))) == 1
            tries.append(now)


def test_the_pauses_grow_to_thirty_seconds_and_the_last_try_is_at_the_end():
    tries, said, end = Watches().fail(NO_ANSWER)
    assert tries[:8] == [1, 3, 7, 15, 31, 61, 91, 121]
    assert (tries[-1], end) == (600, (600, 69))
    assert len(said) == 1
    assert said[0].endswith("retrying for up to 600 s")


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_for_the_whole_time(code):
    assert Watches(unreachable=10.0).fail(status(code))[2] == (10, 69)


@pytest.mark.parametrize(
    ("answer", "worked", "seconds", "code"),
    [
        (DENIED, False, 0, 77),
        (DENIED, True, 60, 77),
        (LOGIN, False, LOGIN_SECONDS, 77),
        (LOGIN, True, 60, 77),
        (NO_NAMESPACE, False, 0, 78),
        (NO_NAMESPACE, True, 60, 78),
        (NO_ANSWER, False, 600, 69),
    ],
)
def test_the_patience(answer, worked, seconds, code):
    assert Watches(worked=worked).fail(answer)[2] == (seconds, code)


def test_v1_a_login_that_fails_once_at_the_first_call_is_tried_again_silently():
    watches = Watches(worked=False)
    assert list(watches.ended(Kind.JOB, LOGIN, 0.0)) == []
    assert list(watches.act(1.0)) == [List(Kind.JOB)]
    assert list(watches.listed(Kind.JOB, "5", 1.1)) == [Watch(Kind.JOB, "5")]


def test_answers_after_an_outage_are_logged_once_and_all_watches_are_begun_again():
    watches, said = Watches(), []
    for now in (10.0, 11.0):
        for kind in Kind:
            said += texts(watches.ended(kind, status(503), now))
        list(watches.act(now + 1))
    assert len(said) == 1
    list(watches.ended(Kind.PODS, status(503), 12.0))
    assert list(watches.answered(Kind.JOB, 12.5)) == []
    assert list(watches.act(12.5)) == [Watch(Kind.PODS, "5")]
    assert list(watches.answered(Kind.PODS, 12.6)) == [Message("the cluster is reachable again")]
    assert list(watches.answered(Kind.PODS, 12.7)) == []


def test_a_watch_that_fails_once_is_not_logged_and_one_that_nothing_answered_lists_anew():
    watches = Watches()
    assert list(watches.ended(Kind.JOB, NO_ANSWER, 10.0)) == []
    assert list(watches.act(11.0)) == [List(Kind.JOB)]
    assert list(watches.listed(Kind.JOB, "6", 11.0)) == [Watch(Kind.JOB, "6")]


def test_one_watch_that_works_does_not_hide_that_the_other_is_denied():
    watches = Watches()
    said, now = [], 0.0
    while True:
        done = list(watches.ended(Kind.PODS, DENIED, now))
        if done and isinstance(done[-1], Finish):
            break
        said += texts(done)
        list(watches.answered(Kind.JOB, now))
        now = watches.next_time()
        list(watches.act(now))
    assert (now, len(said)) == (60, 1)


def test_while_the_cluster_answers_it_is_not_unreachable():
    watches = Watches(unreachable=10.0)
    for second in range(100):
        watches.seen(Kind.JOB, "9", float(second))
        assert not any(isinstance(one, Finish) for one in watches.ended(Kind.PODS, NO_ANSWER, float(second)))


def test_a_watch_that_ends_in_order_goes_on_at_once_but_not_in_a_hurry():
    watches = Watches()
    list(watches.ended(Kind.JOB, None, 0.5))
    assert watches.next_time() == 1.5
    list(watches.act(1.5))
    list(watches.ended(Kind.JOB, None, 100.0))
    assert list(watches.act(100.0)) == [Watch(Kind.JOB, "5")]


def test_an_expired_version_lists_anew():
    watches = Watches()
    list(watches.ended(Kind.JOB, EXPIRED, 100.0))
    assert list(watches.act(100.0)) == [List(Kind.JOB)]
    list(watches.ended(Kind.JOB, EXPIRED, 100.1))
    assert watches.next_time() == pytest.approx(101.1)

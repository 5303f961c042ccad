"""A check of a Job in the tests (`run-job --once`)."""

from cluster_objects import STAMP, Driver, pod

from gke_jobs.following.check_state import CheckState
from gke_jobs.following.events import EventsRead, LogEnded, LogPiece, ReadEvents, StartLog

RUNNING = pod("Running")
LINE = STAMP.encode() + b" line\n"


class Check(Driver):
    """A check; `log` is what each log has, of which a stream reads all at once."""

    def __init__(self, *, before=None, log=None, **given):
        self.log = log
        super().__init__(before=before or CheckState(), **given)

    def give(self, *events):
        done = super().give(*events)
        if self.log is not None:
            for action in [action for action in done if isinstance(action, StartLog)]:
                done += self.give(LogPiece(action.stream, self.log), LogEnded(action.stream, None))
        return done

    def answer(self, given, pods=(), events=None):
        """Give both lists, and the Events if they are asked for; let time pass."""
        done = self.listed([given], pods)
        if any(isinstance(action, ReadEvents) for action in done):
            (asked,) = [action.uid for action in done if isinstance(action, ReadEvents)]
            done += self.give(EventsRead(asked, events or []))
        return done

    @property
    def started(self):
        return [action for action in self.actions if isinstance(action, StartLog)]


def waited(**seconds):
    return {"total": 0.0, "for_nodes": 0.0, "to_start": 0.0, **seconds}


# logs


def again(check, **given):
    """The next check, in another process."""
    return Check(before=check.core.check_state(), **given)

"""Beside the model of a cluster: from what was delivered to the core it says which verdict is due when."""

from cluster_objects import GARBAGE, UID

from gke_jobs.errors import LOGIN_SECONDS
from gke_jobs.following.events import Changed, EventsRead, Kind, Listed, Opened, WatchEnded

PLACED, ENDED = ("starting", "stuck", "running"), ("succeeded", "failed")
DRAIN_SECONDS = 12.0  # from a verdict to the end: two for a last list, ten for logs
SILENT_SECONDS = 2.0  # of a log that was asked for, until it is given up


class Oracle:
    """What the core may know, and what is to follow from it."""

    def begin_oracle(self):
        self.known_job, self.known_pods, self.success_since, self.decided = None, {}, None, None
        self.lacks_since, self.known_since, self.last_answer = None, 0.0, float("-inf")
        self.mounting, self.lacking = set(), set()  # Pods that start and have no volumes; for want of a Secret
        self.asked = {}  # (Pod, container) -> when its log was asked for

    def note(self, event):
        if isinstance(event, (Listed, Changed)) or (isinstance(event, Opened) and isinstance(event.what, Kind)):
            kind = event.what if isinstance(event, Opened) else event.kind
            self.last_answer, self.channels[kind].worked = self.now, True
            if not isinstance(event, Changed):
                self.channels[kind].failing = None
        elif isinstance(event, WatchEnded):
            channel = self.channels[event.kind]
            if event.answer is None or event.answer.code == 410:
                self.last_answer = self.now
                channel.failing = None if event.answer is None else channel.failing
            elif channel.failing is None:
                channel.failing = self.now
        if isinstance(event, EventsRead):
            self.note_events(event)
        elif isinstance(event, Listed) and event.kind is Kind.JOB:
            self.note_job(event.items[0] if event.items else None, is_deleted=False)
        elif isinstance(event, Listed):
            owned = [item for item in event.items if self.is_ours(item)]
            for name in set(self.known_pods) - {item["metadata"]["name"] for item in owned}:
                self.known_pods[name] = "removed", self.now
            for item in owned:
                self.note_pod(item)
        elif isinstance(event, Changed) and event.change in ("ADDED", "MODIFIED", "DELETED"):
            if event.kind is Kind.JOB:
                if event.item in GARBAGE:
                    return
                self.note_job(event.item, is_deleted=event.change == "DELETED")
            elif self.is_ours(event.item):
                self.note_pod(event.item)
                if event.change == "DELETED":
                    self.known_pods[event.item["metadata"]["name"]] = "removed", self.now

    @staticmethod
    def is_ours(item):
        return item not in GARBAGE and item["metadata"]["ownerReferences"][0]["uid"] == UID

    def note_job(self, item, *, is_deleted):
        if self.decided:
            return
        if item is None and not self.core.uid:
            self.decided = self.now, 78
            return
        uid = item and item["metadata"]["uid"]
        state = next((one["type"] for one in (item or {}).get("status", {}).get("conditions", [])), "")
        if uid != (self.core.uid or uid) or item is None:
            self.decided = self.now, 1 if self.success_since is None else 0
            return
        if state == "SuccessCriteriaMet" and self.success_since is None:
            self.success_since = self.now
        if self.known_job is None:
            self.known_since = self.now
        self.known_job = item
        if state in ("Complete", "Failed"):
            self.decided = self.now, 0 if state == "Complete" else 1
        elif is_deleted:
            self.decided = self.now, 1 if self.success_since is None else 0

    def note_events(self, event):
        name = event.uid.removeprefix("uid-of-")
        if name not in self.mounting or event.items is None or self.known_pods[name][0] == "removed":
            return
        reasons = [(one or {}).get("reason") for one in event.items]
        is_lacking = "Pulling" not in reasons and any("secret" in (one or {}).get("message", "") for one in event.items)
        (self.lacking.add if is_lacking else self.lacking.discard)(name)
        self.now_is(name, "stuck" if is_lacking else "starting")

    def now_is(self, name, phase):
        before, _ = self.known_pods.get(name, ("", 0))
        if before not in ("removed", phase):
            self.known_pods[name] = phase, self.now

    def note_pod(self, item):
        name, phase = item["metadata"]["name"], item["status"]["phase"].lower()
        if phase == "pending":
            reason = item["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason", "")
            phase = "waiting" if not item["spec"]["nodeName"] else "starting" if "Creating" in reason else "stuck"
        conditions = item["status"].get("conditions", [])
        is_ready = any(one["type"] == "PodReadyToStartContainers" and one["status"] == "True" for one in conditions)
        if phase == "starting" and not is_ready:
            self.mounting.add(name)
            phase = "stuck" if name in self.lacking else phase
        else:
            self.mounting.discard(name)
            self.lacking.discard(name)
        self.now_is(name, phase)

    def watch_conditions(self):
        """Take note since when which condition of a clock holds."""
        if not self.lacks_nodes():
            self.lacks_since = None
        elif self.lacks_since is None:
            self.lacks_since = self.now

    def count(self, *phases):
        return sum(phase in phases for phase, _ in self.known_pods.values())

    def known_state(self):
        conditions = self.known_job["status"]["conditions"]
        return conditions[0]["type"] if conditions else ""

    def lacks_nodes(self):
        if self.known_job is None or self.decided or self.known_state() not in ("", "Suspended"):
            return False
        wanted = min(self.total, max(0, self.total - self.known_job["status"]["succeeded"]))
        if self.count(*PLACED) >= (max(1, wanted) if self.gang else 1):
            return False
        creation = self.core._creation if hasattr(self, "core") else None
        is_quota = bool(creation and creation.is_quota and self.now >= creation.since)
        return bool(self.known_state() == "Suspended" or is_quota or self.count("waiting") or not self.count(*ENDED))

    def due(self):
        """(time, exit code) of each clock that runs, as far as the oracle knows."""
        limits, found = self.settings.limits, []
        if limits.timeout is not None:
            found.append((self.start + limits.timeout, 124 if self.success_since is None else 0))
        if self.success_since is not None:
            found.append((self.success_since + 30, 0))
            return found
        if limits.schedule is not None and self.lacks_since is not None:
            found.append((self.lacks_since + limits.schedule, 124))
        if limits.start is not None and self.known_job is not None and self.known_state() in ("", "Suspended"):
            since = [since for phase, since in self.known_pods.values() if phase == "stuck"]
            creation = self.core._creation
            if creation.blocked is not None and not creation.is_quota:
                since.append(creation.since)
            # Not before the Job is known, which may be finished.
            found += [(max(begun + limits.start, self.known_since), 78) for begun in since]
        return found

    def check_clocks(self):
        """No clock that the oracle knows has run out without an end."""
        if self.end is None and not self.decided:
            late = [code for time, code in self.due() if time + (0 if code else DRAIN_SECONDS) <= self.now]
            assert not late, "a clock was missed"
        if self.end is None and self.decided:
            assert self.now <= self.decided[0] + DRAIN_SECONDS, "the end is late"

    def check_end(self, end):
        """The end is one that the oracle expects, and at its time."""
        if self.decided:
            assert end.status == self.decided[1]
            assert self.now <= self.decided[0] + DRAIN_SECONDS + 1e-6
            return
        if end.status in (69, 77):
            self.check_unreachable(end.status)
            return
        times = self.due()
        first = min(time for time, _ in times)
        late = DRAIN_SECONDS if end.status == 0 else 0
        assert first - 1e-6 <= self.now <= first + late + 1e-6
        assert end.status in {code for time, code in times if time <= self.now + 1e-6}

    def check_given_up(self, message):
        """No log is given up at the moment it was asked for, unless the time of all is over."""
        if message.endswith("in time") and self.decided and self.now < self.decided[0] + DRAIN_SECONDS - 2:
            named = message.split()[4].rstrip(","), message.split("container ")[1].partition(",")[0]
            assert self.now >= self.asked[named] + SILENT_SECONDS - 1e-6, message

    def check_unreachable(self, code):
        failing = [channel for channel in self.channels.values() if channel.failing is not None]
        if code == 69:
            time_limit = self.settings.unreachable
            begun = max(self.last_answer, min(channel.failing for channel in failing))
        else:
            worked = any(channel.worked for channel in self.channels.values())
            time_limit = min(60.0 if worked else LOGIN_SECONDS, self.settings.unreachable)
            begun = min(channel.failing for channel in failing)
        assert self.now >= begun + time_limit - 1e-6

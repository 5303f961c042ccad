"""Writes hostile texts into the objects of a Job many times a second, and creates forged Events of it."""

from __future__ import annotations

import http.client
import json
import random
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stress.fields import OWN, Field, fields
from stress.hostile import LARGE, for_field, texts

PAUSE_SECONDS = 0.05  # between two patches of one Job
NODE_SECONDS = 1.0
RARE = 0.1
ROUND = 8  # patches until the objects are read again
REASONS = (
    *("FailedCreate", "SuccessfulDelete", "SuccessfulCreate", "BackoffLimitExceeded", "FailedScheduling", "Preempted"),
    *("BackOff", "Evicted", "Killing", "TaintManagerEviction", "FailedMount", "NotTriggerScaleUp"),
)
FUTURE, FUTURE_MICRO = "2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000000Z"
Json = Any


class Api:
    """A client of the API server that does not use the scripts or their proxies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    @contextmanager
    def served(cls, directory: Path) -> Iterator[Api]:
        """Run a kubectl proxy inside the context."""
        path = directory / "api"
        proxy = subprocess.Popen(
            ["kubectl", "proxy", f"--unix-socket={path}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            assert proxy.stdout is not None
            proxy.stdout.readline()
            yield cls(path)
        finally:
            proxy.terminate()
            proxy.wait()

    def ask(
        self, method: str, path: str, body: Json = None, content_type: str = "application/json"
    ) -> tuple[int, Json]:
        """Send a request; return the status code and the answer, or 0 and None if it failed."""
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(30)
            connection.sock.connect(str(self._path))
            headers = {"Content-Type": content_type} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def items(self, path: str) -> list[Json]:
        """Return a list of objects, empty if the request failed."""
        status, found = self.ask("GET", path)
        return list(found.get("items") or []) if status == http.client.OK else []


class Count:
    """The number of texts that were tried for each field, and that the API server accepted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.tried: Counter[tuple[str, str]] = Counter()
        self.accepted: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, name: str, *, accepted: bool) -> None:
        """Count one text."""
        with self._lock:
            self.tried[kind, name] += 1
            self.accepted[kind, name] += accepted

    def __str__(self) -> str:
        refused = len(self.tried) - len(+self.accepted)
        texts = f"{self.tried.total()} texts, {self.accepted.total()} accepted"
        return f"{len(self.tried)} fields tried, {len(+self.accepted)} accepted, {refused} refused ({texts})"


class Tampering(threading.Thread):
    """Tampers with one Job and its objects until `end` is called."""

    def __init__(self, api: Api, count: Count, rng: random.Random, mark: Path, namespace: str, job: str) -> None:
        super().__init__(daemon=True)
        self._api, self._count, self._rng, self._mark = api, count, rng, mark
        self._namespace, self._name = namespace, job
        self._core, self._batch = f"/api/v1/namespaces/{namespace}", f"/apis/batch/v1/namespaces/{namespace}"
        self._stopped = threading.Event()
        self.has_written = False
        self.excluded: tuple[str, ...] = ()  # names of fields of its Pods that hold its outcome or its result

    def end(self) -> None:
        """Stop the thread, and wait for it."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        """Read the objects and write into a few of their fields, until stopped."""
        config_map = {"metadata": {"name": f"of-{self._name}"}, "data": {"text": "x"}}
        self._api.ask("POST", f"{self._core}/configmaps", config_map)
        while not self._stopped.is_set():
            objects = self._objects()
            for _ in range(ROUND):
                if self._stopped.wait(PAUSE_SECONDS) or not objects:
                    break
                if self._rng.random() < 0.2:
                    self._forge_event(objects)
                else:
                    kind = self._rng.choice(sorted({kind for kind, _, _ in objects}))
                    self._write(*self._rng.choice([one for one in objects if one[0] == kind]))
                self.has_written = True

    def _objects(self) -> list[tuple[str, str, Json]]:
        """Return kind, path and content of each object."""
        status, job = self._api.ask("GET", f"{self._batch}/jobs/{self._name}")
        if status != http.client.OK:
            return []
        uid = job["metadata"]["uid"]
        pods = self._api.items(f"{self._core}/pods?labelSelector=batch.kubernetes.io%2Fcontroller-uid%3D{uid}")
        names = {self._name, *(pod["metadata"]["name"] for pod in pods)}
        events = self._api.items(f"{self._core}/events")
        ours = [event for event in events if event.get("involvedObject", {}).get("name") in names]
        status, config_map = self._api.ask("GET", f"{self._core}/configmaps/of-{self._name}")
        return [
            ("Job", f"{self._batch}/jobs/{self._name}", job),
            *(("Pod", f"{self._core}/pods/{pod['metadata']['name']}", pod) for pod in pods),
            *(("Event", f"{self._core}/events/{quote(event['metadata']['name'])}", event) for event in ours),
            *(
                [("ConfigMap", f"{self._core}/configmaps/of-{self._name}", config_map)]
                if status == http.client.OK
                else []
            ),
        ]

    def _write(self, kind: str, path: str, item: Json) -> None:
        found = [field for field in fields(kind, item) if field.name not in self.excluded]
        # There are many of these fields, and the API server accepts few of them: they must not crowd out the others.
        rare = [field for field in found if field.path[0] == "spec" or field.path[:2] == ("metadata", "managedFields")]
        others = [field for field in found if field not in rare]
        field = self._rng.choice(rare if rare and self._rng.random() < RARE else others)
        write(self._api, self._count, path, field, self._rng.choice(for_field(field.path, self._mark)))

    def _forge_event(self, objects: list[tuple[str, str, Json]]) -> None:
        kind, _, item = self._rng.choice([one for one in objects if one[0] in ("Job", "Pod")])
        metadata = item["metadata"]
        event: dict[str, Json] = {
            "metadata": {"generateName": "forged-", "namespace": self._namespace},
            "involvedObject": {
                **{"kind": kind, "apiVersion": "batch/v1" if kind == "Job" else "v1", "namespace": self._namespace},
                **{"name": metadata["name"], "uid": metadata["uid"]},
            },
            "reason": self._rng.choice(REASONS),
            "message": self._rng.choice(texts(self._mark)[:-1]).replace(LARGE, ""),
            "type": self._rng.choice(["Warning", "Normal"]),
            "lastTimestamp": self._rng.choice([FUTURE, None]),
            "firstTimestamp": self._rng.choice([FUTURE, None]),
            "count": self._rng.choice([1, 2**31 - 1, -1]),
            "source": {"component": "job-controller"},
        }
        if self._rng.random() < 0.3:
            event |= {"eventTime": FUTURE_MICRO, "reportingInstance": "x", "action": "x", "source": {}}
            event |= {"reportingComponent": "example.com/x", "lastTimestamp": None, "firstTimestamp": None}
            event |= {"series": {"count": 2**31 - 1, "lastObservedTime": FUTURE_MICRO}, "count": 0}
        field = self._rng.choice(fields("Event", event))
        text = self._rng.choice(for_field(field.path, self._mark))
        name, manager = f"{field.name}, at its creation", "strings"
        if self._rng.random() < 0.1:
            name, manager = "fieldManager, at its creation", self._rng.choice(texts(self._mark))[:500]
            field, text = Field("Event", ("message",)), event["message"]
        path = f"{self._core}/events?fieldManager={quote(manager.encode(errors='replace'))}"
        status, _ = self._api.ask("POST", path, field.within(event, text))
        self._count.add("Event", name, accepted=status == http.client.CREATED)


def write(api: Api, count: Count, path: str, field: Field, text: str) -> None:
    """Write text into a field of an object; count it as accepted if the object has it afterwards."""
    content_type, body = field.patch(text)
    status, after = api.ask("PATCH", path + field.subresource, body, content_type)
    if (
        status == http.client.NOT_FOUND and field.subresource
    ):  # an Event or a ConfigMap may have such a field, but has no such subresource
        status, after = api.ask("PATCH", path, body, content_type)
    if status in (0, http.client.NOT_FOUND):
        return  # the object is deleted
    stored = text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )  # JSON joins two surrogates to one character
    count.add(field.kind, field.name, accepted=status == http.client.OK and field.value(after) == stored)


@contextmanager
def nodes_tampered(api: Api, count: Count, rng: random.Random, mark: Path) -> Iterator[None]:
    """Write into messages, reasons, labels and annotations of the nodes inside the context; restore them at its end."""
    stopped = threading.Event()
    before = api.items("/api/v1/nodes")

    def tamper() -> None:
        while before and not stopped.wait(NODE_SECONDS):
            node = rng.choice(before)
            field = rng.choice(fields("Node", node))
            text = rng.choice([text for text in for_field(field.path, mark) if LARGE not in text])
            write(api, count, f"/api/v1/nodes/{node['metadata']['name']}", field, text)

    thread = threading.Thread(target=tamper, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        for node in before:
            path = f"/api/v1/nodes/{node['metadata']['name']}"
            own = {f"{OWN}/note": None}
            body = {"metadata": {"labels": own, "annotations": own}}
            api.ask("PATCH", path, body, "application/merge-patch+json")
            for one in node["status"].get("conditions", []):
                words = {key: one.get(key) for key in ("type", "reason", "message")}
                patch = {"status": {"conditions": [words]}}
                api.ask("PATCH", f"{path}/status", patch, "application/strategic-merge-patch+json")

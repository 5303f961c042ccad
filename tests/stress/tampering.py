"""Writes hostile texts into the objects of a Job, past the scripts, many a second, and forges Events of it."""

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
ROUND = 8  # patches until the objects are read anew
REASONS = (
    *("FailedCreate", "SuccessfulDelete", "SuccessfulCreate", "BackoffLimitExceeded", "FailedScheduling", "Preempted"),
    *("BackOff", "Evicted", "Killing", "TaintManagerEviction", "FailedMount", "NotTriggerScaleUp"),
)
FUTURE, FUTURE_MICRO = "2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000000Z"
Json = Any


class Api:
    """The API server, past the scripts and their proxies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    @contextmanager
    def served(cls, directory: Path) -> Iterator[Api]:
        """Run a kubectl proxy meanwhile."""
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
        """Send a request; return status code and answer."""
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
        """List objects; none where that fails."""
        status, found = self.ask("GET", path)
        return list(found.get("items") or []) if status == http.client.OK else []


class Count:
    """How often each field was tried, and how often the API server took the text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.tried: Counter[tuple[str, str]] = Counter()
        self.accepted: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, name: str, *, accepted: bool) -> None:
        """Count one."""
        with self._lock:
            self.tried[kind, name] += 1
            self.accepted[kind, name] += accepted

    def __str__(self) -> str:
        refused = len(self.tried) - len(+self.accepted)
        texts = f"{self.tried.total()} texts, {self.accepted.total()} accepted"
        return f"{len(self.tried)} fields tried, {len(+self.accepted)} accepted, {refused} refused ({texts})"


class Tampering(threading.Thread):
    """Tampers with one Job and what belongs to it, until `end` is called."""

    def __init__(self, api: Api, count: Count, dice: random.Random, mark: Path, namespace: str, job: str) -> None:
        super().__init__(daemon=True)
        self._api, self._count, self._dice, self._mark = api, count, dice, mark
        self._namespace, self._name = namespace, job
        self._core, self._batch = f"/api/v1/namespaces/{namespace}", f"/apis/batch/v1/namespaces/{namespace}"
        self._over = threading.Event()
        self.has_written = False
        self.excluded: tuple[str, ...] = ()  # names of fields of its Pods whose text is its verdict or its result

    def end(self) -> None:
        """Stop."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Read the objects, write into a few of their fields, and so on."""
        config_map = {"metadata": {"name": f"of-{self._name}"}, "data": {"text": "x"}}
        self._api.ask("POST", f"{self._core}/configmaps", config_map)
        while not self._over.is_set():
            objects = self._objects()
            for _ in range(ROUND):
                if self._over.wait(PAUSE_SECONDS) or not objects:
                    break
                if self._dice.random() < 0.2:
                    self._forge_event(objects)
                else:
                    kind = self._dice.choice(sorted({kind for kind, _, _ in objects}))
                    self._write(*self._dice.choice([one for one in objects if one[0] == kind]))
                self.has_written = True

    def _objects(self) -> list[tuple[str, str, Json]]:
        """Kind, path and content of each object."""
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
        there = [field for field in fields(kind, item) if field.name not in self.excluded]
        # Of these there are many, and the API server takes few: they must not crowd out the others.
        rare = [field for field in there if field.path[0] == "spec" or field.path[:2] == ("metadata", "managedFields")]
        others = [field for field in there if field not in rare]
        field = self._dice.choice(rare if rare and self._dice.random() < RARE else others)
        write(self._api, self._count, path, field, self._dice.choice(for_field(field.path, self._mark)))

    def _forge_event(self, objects: list[tuple[str, str, Json]]) -> None:
        kind, _, item = self._dice.choice([one for one in objects if one[0] in ("Job", "Pod")])
        metadata = item["metadata"]
        event: dict[str, Json] = {
            "metadata": {"generateName": "forged-", "namespace": self._namespace},
            "involvedObject": {
                **{"kind": kind, "apiVersion": "batch/v1" if kind == "Job" else "v1", "namespace": self._namespace},
                **{"name": metadata["name"], "uid": metadata["uid"]},
            },
            "reason": self._dice.choice(REASONS),
            "message": self._dice.choice(texts(self._mark)[:-1]).replace(LARGE, ""),
            "type": self._dice.choice(["Warning", "Normal"]),
            "lastTimestamp": self._dice.choice([FUTURE, None]),
            "firstTimestamp": self._dice.choice([FUTURE, None]),
            "count": self._dice.choice([1, 2**31 - 1, -1]),
            "source": {"component": "job-controller"},
        }
        if self._dice.random() < 0.3:
            event |= {"eventTime": FUTURE_MICRO, "reportingInstance": "x", "action": "x", "source": {}}
            event |= {"reportingComponent": "example.com/x", "lastTimestamp": None, "firstTimestamp": None}
            event |= {"series": {"count": 2**31 - 1, "lastObservedTime": FUTURE_MICRO}, "count": 0}
        field = self._dice.choice(fields("Event", event))
        text = self._dice.choice(for_field(field.path, self._mark))
        name, manager = f"{field.name}, at its creation", "strings"
        if self._dice.random() < 0.1:
            name, manager = "fieldManager, at its creation", self._dice.choice(texts(self._mark))[:500]
            field, text = Field("Event", ("message",)), event["message"]
        path = f"{self._core}/events?fieldManager={quote(manager.encode(errors='replace'))}"
        status, _ = self._api.ask("POST", path, field.within(event, text))
        self._count.add("Event", name, accepted=status == http.client.CREATED)


def write(api: Api, count: Count, path: str, field: Field, text: str) -> None:
    """Write text into a field of an object; count it as accepted where the object has it then."""
    content_type, body = field.patch(text)
    status, after = api.ask("PATCH", path + field.subresource, body, content_type)
    if (
        status == http.client.NOT_FOUND and field.subresource
    ):  # an Event or a ConfigMap has a field, but no subresource, of that name
        status, after = api.ask("PATCH", path, body, content_type)
    if status in (0, http.client.NOT_FOUND):
        return  # it is gone
    stored = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # two halves of a character are one
    count.add(field.kind, field.name, accepted=status == http.client.OK and field.value(after) == stored)


@contextmanager
def nodes_tampered(api: Api, count: Count, dice: random.Random, mark: Path) -> Iterator[None]:
    """Write into messages, reasons, labels and annotations of the nodes meanwhile; put back what was there."""
    over = threading.Event()
    before = api.items("/api/v1/nodes")

    def tamper() -> None:
        while before and not over.wait(NODE_SECONDS):
            node = dice.choice(before)
            field = dice.choice(fields("Node", node))
            text = dice.choice([text for text in for_field(field.path, mark) if LARGE not in text])
            write(api, count, f"/api/v1/nodes/{node['metadata']['name']}", field, text)

    thread = threading.Thread(target=tamper, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
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

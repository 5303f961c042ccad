"""Runs Kueue on the real cluster.

    python -m k8s.queues --state DIR    starts Kueue for the cluster of DIR; returns when it admits Jobs

It has one ResourceFlavor, `default`; the user creates the queues. Needs the output of tests/dev/k8s/build-kueue. Kueue
ends with the cluster and must not end before: without its webhooks, no Job can be created.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from k8s import components
from k8s.__main__ import BUILD, Problem, first_process

KUEUE = BUILD / "kueue"
NAMESPACE = "kueue-system"
WEBHOOKS = "https://127.0.0.1:9443"  # this and the port below are set in etc/kueue.yaml
VISIBILITY_PORT = 8082
CERTIFICATES = "kueue/metrics/certs"  # below /etc
HANDLERS = ("kueue-x-k8s-io", "batch-v1-job")  # parts of the paths of the webhooks that are used
CONVERTED = ("clusterqueues", "cohorts", "localqueues", "multikueueclusters", "workloads")  # its kustomization.yaml
SECONDS = 60.0  # limit for the start
POLL_SECONDS = 0.2
LOG_LINES = 5
FLAVOR = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": "default"}}


def main() -> None:
    """Starts Kueue; exits with 1 and one line on stderr if that fails."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("k8s.queues", description=__doc__, formatter_class=raw, allow_abbrev=False)
    parser.add_argument("--state", required=True, type=Path, metavar="DIR")
    try:
        start(parser.parse_args().state.absolute())
    except (OSError, Problem) as error:
        sys.exit(f"cluster.queues: {error}")


def start(state: Path) -> None:
    """Starts Kueue in a cluster. Raises Problem if the cluster does not run, or has Kueue, or Kueue does not start."""
    if not (KUEUE / "kueue").exists():
        raise Problem(f"{KUEUE} has no kueue: make it with tests/dev/k8s/build-kueue {KUEUE}")
    first = first_process(state)
    if first is None:
        raise Problem(f"{state} has no running cluster; start it first")
    if (state / "kueue").exists():
        raise Problem(f"{state} already has Kueue")
    inside = ("nsenter", f"--target={first}", "--mount", "--pid", "--net")
    kubectl = (*inside, "kubectl", f"--kubeconfig={state}/admin.kubeconfig")
    _write_certificates(state)
    _create(kubectl, list(_objects((state / "ca.pem").read_bytes())))
    log = state / "logs" / "kueue.log"
    own_etc = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', str(state / "kueue"))
    options = (f"--config={components.CONFIGURATION}/kueue.yaml", f"--kubeconfig={state}/admin.kubeconfig")
    command = (*inside, *own_etc, str(KUEUE / "kueue"), *options)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=state, start_new_session=True
        )
    end = time.monotonic() + SECONDS
    while (refusal := _refusal(kubectl)) is not None:
        if process.poll() is not None or time.monotonic() > end:
            said = "\n".join(log.read_text().splitlines()[-LOG_LINES:])
            raise Problem(f"Kueue did not start: {refusal}\n{said}")
        time.sleep(POLL_SECONDS)


def _write_certificates(state: Path) -> None:
    """Writes Kueue's certificates into `STATE/kueue`, which is mounted as its /etc."""
    directory = state / "kueue" / CERTIFICATES
    directory.mkdir(parents=True)
    for name, source in (("tls.crt", "server.pem"), ("tls.key", "server.key")):
        shutil.copy(state / source, directory / name)


def _objects(ca: bytes) -> Iterator[dict[str, Any]]:
    """Yields the objects of Kueue's manifests, changed to be reached on the loopback interface and for Jobs only."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    service = {"type": "ExternalName", "externalName": "localhost"}
    name = {"name": "visibility-server", "namespace": NAMESPACE}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": name, "spec": service}
    bundle = base64.b64encode(ca).decode()
    for file in sorted((KUEUE / "objects").iterdir()):
        for found in yaml.safe_load_all(file.read_text()):
            if found["kind"] == "CustomResourceDefinition":
                if found["spec"]["names"]["plural"] in CONVERTED:
                    client = {"url": f"{WEBHOOKS}/convert", "caBundle": bundle}
                    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
                    found["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
            elif found["kind"] == "APIService":
                found["spec"]["service"]["port"] = VISIBILITY_PORT
            else:
                paths = {one["name"]: one["clientConfig"]["service"]["path"] for one in found["webhooks"]}
                used = [one for one in found["webhooks"] if any(word in paths[one["name"]] for word in HANDLERS)]
                for one in used:
                    one["clientConfig"] = {"url": WEBHOOKS + paths[one["name"]], "caBundle": bundle}
                found["webhooks"] = used
                found["metadata"]["name"] = f"kueue-{found['metadata']['name']}"
            yield found


def _create(kubectl: tuple[str, ...], objects: list[dict[str, Any]]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    established = (*kubectl, "wait", "--for=condition=Established", "crd", "--all", f"--timeout={SECONDS:.0f}s")
    refusal = _run((*kubectl, "create", "--filename=-"), text) or _run(established, "")
    if refusal is not None:
        raise Problem(f"the API server refused an object of Kueue: {refusal}")


def _refusal(kubectl: tuple[str, ...]) -> str | None:
    """Returns why Kueue does not serve yet, None if it does. Tests its webhook and its visibility API."""
    return _run((*kubectl, "apply", "--filename=-"), json.dumps(FLAVOR)) or _run(
        (*kubectl, "get", "--raw=/apis/visibility.kueue.x-k8s.io/v1beta2"), ""
    )


def _run(command: tuple[str, ...], text: str) -> str | None:
    """Returns why a command failed, None if it succeeded."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=os.environ)
    return (done.stderr.strip() or "no reason given") if done.returncode else None


if __name__ == "__main__":
    main()

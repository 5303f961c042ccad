"""The cases of gcloud: get-credentials with the GKE API of the cluster, storage with storage_server.py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cases import Case, closed_port
from recorder import Cluster, Recorded, wait_until

STORAGE_SERVER = Path(__file__).resolve().parents[1] / "storage_server.py"


def run(on: Cluster, arguments: list[str], token: str, **environment: str) -> list[Recorded]:
    file = on.directory / "token"
    file.write_text(token)
    used = {
        **os.environ,
        "CLOUDSDK_CONFIG": str(on.directory / "gcloud"),
        "KUBECONFIG": str(on.directory / "kc"),
        **environment,
    }
    used["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"] = str(file)
    if not token:
        del used["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"]
    done = subprocess.run(["gcloud", *arguments], env=used, capture_output=True, text=True)
    stderr = done.stderr
    return (
        [{"source": f"gcloud {' '.join(arguments[:3])}", "from": "gcloud", "stderr": stderr}] if done.returncode else []
    )


def credentials(on: Cluster, token: str, cluster: str = "", **environment: str) -> list[Recorded]:
    name = cluster or os.environ["LOCALGKE_CLUSTER"]
    where = ["--location", os.environ["LOCALGKE_LOCATION"], "--project", os.environ["LOCALGKE_PROJECT"]]
    return run(on, ["container", "clusters", "get-credentials", name, *where], token, **environment)


def storage(on: Cluster, token: str, bucket: str = "bucket") -> list[Recorded]:
    with storage_server(on) as address:
        source = on.directory / "source"
        source.mkdir(exist_ok=True)
        (source / "file").write_text("x")
        command = ["storage", "rsync", "--recursive", str(source), f"gs://{bucket}/dags", "--no-user-output-enabled"]
        return run(on, command, token, CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=f"http://{address}/storage/v1/")


@contextmanager
def storage_server(on: Cluster) -> Iterator[str]:
    buckets, port = on.directory / "buckets", on.directory / "port"
    (buckets / "bucket").mkdir(parents=True, exist_ok=True)
    port.unlink(missing_ok=True)
    server = subprocess.Popen([sys.executable, STORAGE_SERVER, buckets, port], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: port.exists() and port.read_text())
        yield f"127.0.0.1:{port.read_text().strip()}"
    finally:
        server.terminate()
        server.wait()


GCLOUD_CASES = [
    Case("gcloud_cluster_absent", "config", lambda on: credentials(on, "admin-token", "nope")),
    Case("gcloud_denied", "denied", lambda on: credentials(on, "outsider-token")),
    Case("gcloud_token_invalid", "login", lambda on: credentials(on, "worthless")),
    Case("gcloud_no_account", "login", lambda on: credentials(on, "")),
    Case(
        "gcloud_unreachable",
        "transient",
        lambda on: credentials(
            on, "admin-token", CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER=f"http://127.0.0.1:{closed_port()}/"
        ),
    ),
    Case("storage_bucket_absent", "config", lambda on: storage(on, "owner", "missing")),
    Case("storage_denied", "denied", lambda on: storage(on, "stranger")),
    Case("storage_no_account", "login", lambda on: storage(on, "")),
]

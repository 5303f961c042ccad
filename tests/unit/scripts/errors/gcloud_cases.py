"""The cases of gcloud: get-credentials with the GKE API of the cluster, storage with storage_server.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cases import Case, closed_port
from plugin_cases import refusing_token_server, service_account, token_servers
from recorder import Cluster, Recorded, wait_until

STORAGE_SERVER = Path(__file__).resolve().parents[3] / "integration" / "storage_server.py"


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
        used = {name: value for name, value in used.items() if not name.startswith("GCE_METADATA_")}
    done = subprocess.run(["gcloud", *arguments], env=used, capture_output=True, text=True)
    stderr = done.stderr
    return (
        [{"source": f"gcloud {' '.join(arguments[:3])}", "from": "gcloud", "stderr": stderr}] if done.returncode else []
    )


def credentials(on: Cluster, token: str, cluster: str = "", **environment: str) -> list[Recorded]:
    name = cluster or os.environ["LOCALGKE_CLUSTER"]
    where = ["--location", os.environ["LOCALGKE_LOCATION"], "--project", os.environ["LOCALGKE_PROJECT"]]
    return run(on, ["container", "clusters", "get-credentials", name, *where], token, **environment)


def storage(on: Cluster, token: str, bucket: str = "bucket", *options: str) -> list[Recorded]:
    with storage_server(on) as address:
        source = on.directory / "source"
        source.mkdir(exist_ok=True)
        (source / "file").write_text("x")
        command = ["rsync", "--recursive", str(source)] if not options else ["cp", *options, str(source / "file")]
        command = ["storage", *command, f"gs://{bucket}/dags", "--no-user-output-enabled"]
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


def answered(on: Cluster, address: str) -> list[Recorded]:
    return credentials(on, "admin-token", CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER=address)


def told(on: Cluster, code: int, message: str) -> list[Recorded]:
    """Return what gcloud says of an answer written by hand, the message or a page."""
    error = {"error": {"code": code, "message": message, "status": "UNKNOWN"}}
    on.answering.code, on.answering.body = code, message if message.startswith("<") else json.dumps(error)
    found = answered(on, f"http://{on.answering.address}/")
    return [{**answer, "source": f"{answer['source']}, answer written by hand"} for answer in found]


def gcloud_server_trouble(on: Cluster) -> list[Recorded]:
    page = "<html><title>Error 502 (Server Error)!!1</title><p>code=404 auth login</html>"
    busy = told(on, 429, "Quota exceeded for quota metric 'Read requests' of service 'container.googleapis.com'")
    return [*busy, *told(on, 503, "The service is currently unavailable."), *told(on, 502, page)]


def without_token(on: Cluster, servers: list[str]) -> list[Recorded]:
    return [answer for server in servers for answer in credentials(on, "", **service_account(on, server))]


def gcloud_usage(on: Cluster) -> list[Recorded]:
    command = ["container", "clusters", "get-credentials", "x", "--location", "europe-west4"]
    wrong = (
        ["--project", "P P"],
        ["--project", ""],
        ["--project", "p", "--nonsense"],
        ["--project", "p", "--zone", "x"],
    )
    return [answer for more in wrong for answer in run(on, [*command, *more], "admin-token")]


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
    Case("gcloud_name_unknown", "transient", lambda on: answered(on, "http://container.invalid/")),
    Case("gcloud_location_absent", "config", lambda on: told(on, 400, 'Location "europe-west" does not exist.')),
    Case("gcloud_server_trouble", "transient", gcloud_server_trouble),
    Case("gcloud_token_server", "transient", lambda on: without_token(on, token_servers(on))),
    Case("gcloud_token_refused", "login", lambda on: without_token(on, [refusing_token_server(on)])),
    Case("gcloud_usage", "usage", gcloud_usage),
    Case("storage_bucket_absent", "config", lambda on: storage(on, "owner", "missing")),
    Case("storage_denied", "denied", lambda on: storage(on, "stranger")),
    Case("storage_no_account", "login", lambda on: storage(on, "")),
    Case("storage_changed", "refused", lambda on: storage(on, "owner", "bucket", "--if-generation-match=1")),
]

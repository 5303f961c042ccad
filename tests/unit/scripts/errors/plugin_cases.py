"""What the real gke-gcloud-auth-plugin says when it has no account, or when the metadata server fails."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

from cases import case, closed_port, path
from recorder import Answering, Cluster, Recorded, exec_plugin

EMAIL = "worker@project.iam.gserviceaccount.com"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
METADATA = {
    "/project/project-id": "project",
    "/project/numeric-project-id": "1",
    "/universe/universe-domain": "googleapis.com",
    "/instance/service-accounts/": f"default/\n{EMAIL}/\n",
    "/instance/service-accounts/default/email": EMAIL,
    "/instance/service-accounts/default/scopes": SCOPES[0],
    "/instance/service-accounts/?recursive=true": json.dumps(
        {"default": {"aliases": ["default"], "email": EMAIL, "scopes": SCOPES}},
    ),
    "/instance/service-accounts/default/?recursive=true": json.dumps(
        {"aliases": ["default"], "email": EMAIL, "scopes": SCOPES},
    ),
}


def metadata(request: str) -> tuple[int, str]:
    """Answer as the metadata server of a machine does, but for its tokens."""
    place = request.removeprefix("/computeMetadata/v1")
    if "/token" in place or "/identity" in place:
        return 503, "Service Unavailable"
    return (200, METADATA[place]) if place in METADATA else (200 if place == "/" else 404, "")


def read_with_plugin(on: Cluster, environment: str, *options: str) -> list[Recorded]:
    wrapper = on.directory / "wrapper"
    config = on.directory / f"gcloud-{random.randrange(10**6)}"  # where gcloud keeps whether there is a metadata server
    clean = f"env -u CLOUDSDK_AUTH_ACCESS_TOKEN_FILE CLOUDSDK_CONFIG={config} {environment}"
    wrapper.write_text(f"#!/bin/sh\nexec {clean} gke-gcloud-auth-plugin {' '.join(options)}\n")
    wrapper.chmod(0o755)
    kubeconfig, none = on.kubeconfig(**exec_plugin(str(wrapper))), path("default", "none")
    return [*on.run(["delete", "--raw", none], kubeconfig), *on.ask(none, kubeconfig)]


def on_machine(address: str) -> str:
    return f"GCE_METADATA_HOST={address} GCE_METADATA_ROOT={address} GCE_METADATA_IP={address}"


@case("login")
def plugin_real_without_account(on: Cluster) -> list[Recorded]:
    return read_with_plugin(on, "")


@case("transient")
def plugin_real_metadata_server(on: Cluster) -> list[Recorded]:
    server = Answering()
    server.get = metadata
    try:
        with_gcloud = read_with_plugin(on, on_machine(server.address))
        default = "--use_application_default_credentials"
        return [*with_gcloud, *read_with_plugin(on, on_machine(server.address), default)]
    finally:
        server.close()


def service_account(on: Cluster, token_server: str) -> dict[str, str]:
    """Return the variables that let gcloud, or the plugin alone, ask that server for the token of a service account."""
    generate = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    private = subprocess.run(generate, capture_output=True, check=True, text=True).stdout
    key: Path = on.directory / f"key-{random.randrange(10**6)}"
    account = {"type": "service_account", "client_email": EMAIL, "client_id": "1", "private_key_id": "1"}
    key.write_text(json.dumps({**account, "private_key": private, "token_uri": token_server}))
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(key),
        "CLOUDSDK_AUTH_TOKEN_HOST": token_server,
    }


def read_with_account(on: Cluster, token_server: str) -> list[Recorded]:
    environment = " ".join(f"{name}={value}" for name, value in service_account(on, token_server).items())
    default = "--use_application_default_credentials"
    return [*read_with_plugin(on, environment), *read_with_plugin(on, environment, default)]


def token_servers(on: Cluster) -> list[str]:
    """Return servers that give no token: closed, without address, and with an error."""
    on.answering.code, on.answering.type = 503, "application/json"
    on.answering.body = json.dumps({"error": "backend_error"})
    return [f"http://127.0.0.1:{closed_port()}/", "http://oauth.invalid/", f"http://{on.answering.address}/"]


def refusing_token_server(on: Cluster) -> str:
    on.answering.code, on.answering.type = 400, "application/json"
    on.answering.body = json.dumps({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    return f"http://{on.answering.address}/"


@case("transient")
def plugin_real_token_server(on: Cluster) -> list[Recorded]:
    return [answer for server in token_servers(on) for answer in read_with_account(on, server)]


@case("login")
def plugin_real_token_refused(on: Cluster) -> list[Recorded]:
    return read_with_account(on, refusing_token_server(on))

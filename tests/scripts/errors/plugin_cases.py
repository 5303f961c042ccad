"""What the real gke-gcloud-auth-plugin says when it has no account, or when the metadata server fails."""

from __future__ import annotations

import json
import random

from cases import case, path
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

"""Writes the configuration of gcloud and kubectl for a test cluster: kubeconfigs, and the file `env` to source."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from localgke.config import Config

APIS = {
    "container": "gke",
    "cloudresourcemanager": "fleet",
    "connectgateway": "fleet",
    "gkehub": "fleet",
    "iamcredentials": "iam",
}


def write_env(config: Config, state: Path, kubernetes: str, services: dict[str, str]) -> None:
    """Writes `env` into `state`, and the files that it names: `kubeconfig` and `token` of the first user, `gcloud/`.

    `kubernetes` is HOST:PORT of the Kubernetes API; `services` has that of `metadata`, `gke` and optionally `fleet` and
    `iam`. `ca.pem` and `trusted.pem` must exist.
    """
    token = next(iter(config.tokens))
    private(state / "token").write_text(token)
    write_kubeconfig(state / "kubeconfig", kubernetes, state / "ca.pem", token)
    (state / "gcloud").mkdir()
    env = {
        **{
            f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"http://{services[service]}/"
            for api, service in APIS.items()
            if service in services
        },
        **{f"GCE_METADATA_{name}": services["metadata"] for name in ("HOST", "IP", "ROOT")},
        "CLOUDSDK_CONFIG": str(state / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "GKE_JOB_CACHE": str(state / "cache"),
        "KUBECONFIG": str(state / "kubeconfig"),
        "SSL_CERT_FILE": str(state / "trusted.pem"),
        "LOCALGKE_PROJECT": config.project,
        "LOCALGKE_LOCATION": config.location,
        "LOCALGKE_CLUSTER": config.name,
    }
    (state / "env").write_text("".join(f"export {key}={shlex.quote(value)}\n" for key, value in env.items()))


def write_kubeconfig(file: Path, server: str, ca: Path, token: str) -> None:
    """Writes a kubeconfig whose only context is the user of `token` at `server`, HOST:PORT."""
    name = "localgke"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"https://{server}", "certificate-authority": str(ca)}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    private(file).write_text(yaml.safe_dump(kubeconfig, sort_keys=False))


def private(file: Path) -> Path:
    """Makes an empty file that only its owner can read."""
    file.touch(mode=0o600)
    return file

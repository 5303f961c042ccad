"""What leads gcloud and kubectl to a test cluster: kubeconfigs, and the file `env` with what to export."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from localgke.config import Config


def write_env(config: Config, state: Path, kubernetes: str, gke: str) -> None:
    """Writes `env` into `state`, and what it names: `token` and `kubeconfig` of the first user, `gcloud/`.

    `kubernetes` and `gke` are HOST:PORT of the two APIs; `ca.pem` is already there.
    """
    token = next(iter(config.tokens))
    private(state / "token").write_text(token)
    write_kubeconfig(state / "kubeconfig", kubernetes, state / "ca.pem", token)
    (state / "gcloud").mkdir()
    env = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": f"http://{gke}/",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(state / "token"),
        "CLOUDSDK_CONFIG": str(state / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "KUBECONFIG": str(state / "kubeconfig"),
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

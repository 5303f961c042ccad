"""The endpoints of the cluster and the credentials, with the real tools."""

import shutil

import pytest
import yaml

from localgke import config
from localgke.conftest import Cluster

pytestmark = pytest.mark.skipif(
    not (shutil.which("gcloud") and shutil.which("gke-gcloud-auth-plugin")), reason="needs gcloud and the auth plugin"
)

VIEWER = "viewer@localgke-project.iam.gserviceaccount.com"
PLACE = ("--location", "europe-west4", "--project", "localgke-project")
CLUSTERS = ("gcloud", "container", "clusters", "get-credentials")
FLEET = ("gcloud", "container", "fleet", "memberships", "get-credentials")


def go(cluster: Cluster, tmp_path, *command: str, **env: str):
    """What kubectl says with the kubeconfig that a command of gcloud has written."""
    env = {"KUBECONFIG": str(tmp_path / "kubeconfig"), **env}
    done = cluster.run(*command, *PLACE, **env)
    assert done.returncode == 0, done.stderr
    return cluster.run("kubectl", "get", "namespaces", "--output", "name", **env)


@pytest.mark.parametrize(
    ("command", "server"),
    [
        ((*CLUSTERS, "ml-cluster"), "https://127.0.0.1:"),
        ((*CLUSTERS, "ml-cluster", "--dns-endpoint"), "https://localhost:"),
        ((*CLUSTERS, "ml-dns"), "https://localhost:"),
        ((*CLUSTERS, "ml-private", "--internal-ip"), "https://127.0.0.1:"),
        ((*FLEET, "ml-member"), "https://localhost:"),
    ],
)
def test_every_endpoint_reaches_the_cluster_with_the_account_of_the_metadata_server(cluster, tmp_path, command, server):
    got = go(cluster, tmp_path, *command)
    assert "namespace/default" in got.stdout, got.stderr
    written = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    assert written["clusters"][0]["cluster"]["server"].startswith(server)


def test_the_public_endpoint_of_a_private_cluster_does_not_answer(cluster, tmp_path):
    env = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    assert cluster.run(*CLUSTERS, "ml-private", *PLACE, **env).returncode == 0
    got = cluster.run("kubectl", "get", "namespaces", "--request-timeout", "1s", **env)
    assert got.returncode == 1
    assert "request canceled" in got.stderr or "context deadline exceeded" in got.stderr


@pytest.mark.parametrize("command", [(*CLUSTERS, "ml-cluster", "--dns-endpoint"), (*FLEET, "ml-member")])
def test_dns_endpoint_and_gateway_require_their_own_permissions(cluster, tmp_path, command):
    assert go(cluster, tmp_path, *command).returncode == 0
    written = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    written["users"][0]["user"] = {"token": "viewer-token"}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(written))
    got = cluster.run("kubectl", "get", "namespaces", KUBECONFIG=str(tmp_path / "kubeconfig"))
    assert "(Forbidden): Permission '" in got.stderr


def test_a_token_of_an_impersonated_account_is_of_this_account(cluster, tmp_path):
    got = go(cluster, tmp_path, *CLUSTERS, "ml-cluster", "--impersonate-service-account", VIEWER)
    assert "namespace/default" in got.stdout, got.stderr
    env = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    denied = cluster.run("kubectl", "delete", "namespace", "default", **env)
    assert f'User "{VIEWER}" cannot delete' in denied.stderr


def test_an_issued_token_expires(monkeypatch):
    from localgke import tokens as module
    from localgke.tokens import Tokens

    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    tokens = Tokens(config.load())
    user = tokens.named(VIEWER)
    token = tokens.issue(user)
    assert tokens.user(f"Bearer {token.text}") is user
    assert tokens.user(token.text) is None
    now += 3600
    assert tokens.user(f"Bearer {token.text}") is None
    assert tokens.user("Bearer viewer-token") is user


def test_without_issued_tokens_the_token_of_the_file_is_returned():
    from localgke.tokens import Tokens

    tokens = Tokens(config.load(), static=True)
    assert tokens.issue(tokens.named(VIEWER)).text == "viewer-token"

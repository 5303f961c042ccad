"""templates/access: gcloud and the cluster need exactly its IAM roles; gcloud accepts the commands of its page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from localgke import config
from localgke.conftest import Cluster, cluster_of

REPOSITORY = Path(__file__).parents[2]
ACCESS = REPOSITORY / "templates/access"
PAGE = (ACCESS / "README.md").read_text()
ROLES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ACCESS / "iam").glob("*.yaml"))}
needs_gcloud = pytest.mark.skipif(not shutil.which("gcloud"), reason="needs gcloud")


def page_commands() -> list[str]:
    """Return the commands of the page, in their order."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [command.rstrip() for block in blocks for command in re.split(r"^\$ ", block, flags=re.MULTILINE) if command]


def called(command: str) -> str:
    """Return the command without the assignment of its output."""
    return re.sub(r"^[A-Z_]+=\$\((.*)\)$", r"\1", command, flags=re.DOTALL)


GCLOUD = [called(command) for command in page_commands() if called(command).startswith("gcloud ")]


def variables() -> str:
    """Return the variables of the page as Bash; a variable for an output of gcloud has its own name as value."""
    pairs = [re.fullmatch(r"([A-Z_]+)=(.*)", command, re.DOTALL) for command in page_commands()]
    return "\n".join(f"{pair[1]}={pair[1] if pair[2].startswith('$(') else pair[2]}" for pair in pairs if pair)


# The requests of gcloud ----------------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """Records each request, and returns an empty answer."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked: list[tuple[str, str, Any]] = self.server.asked  # type: ignore[attr-defined]
        asked.append((self.command, self.path, json.loads(body) if body.startswith(b"{") else None))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def apis() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def ask(apis: ThreadingHTTPServer, command: str, tmp_path: Path) -> tuple[int, str, list[tuple[str, str, Any]]]:
    """Run a command of the page; return its exit code, its stderr, and its requests."""
    apis.asked = []  # type: ignore[attr-defined]
    (tmp_path / "token").write_text("token")
    names = (
        "CONTAINER",
        "IAM",
        "CLOUDRESOURCEMANAGER",
        "STORAGE",
        "COMPOSER",
        "CONNECTGATEWAY",
        "GKEHUB",
        "SERVICEUSAGE",
    )
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("CLOUDSDK_", "GCE_METADATA"))},
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"http://127.0.0.1:{apis.server_port}/" for name in names},
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
    }
    script = f"{variables()}\n{command}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, timeout=90
    )
    return done.returncode, done.stderr, apis.asked  # type: ignore[attr-defined]


@needs_gcloud
@pytest.mark.parametrize("command", GCLOUD, ids=lambda command: re.sub(r"[^a-zA-Z]+", "-", command)[7:70])
def test_gcloud_accepts_each_command_of_the_page_and_sends_its_request(command, apis, tmp_path):
    code, errors, asked = ask(apis, command, tmp_path)
    assert code != 2, errors
    assert asked, errors
    if "add-iam-policy-binding" in command:
        [policy] = [body for method, _, body in asked if body and method in ("POST", "PUT") and "bindings" in str(body)]
        [binding] = policy.get("policy", policy)["bindings"]
        assert re.fullmatch(r"(projects/[-a-z]+/)?roles/[.a-zA-Z]+", binding["role"])
        [member] = binding["members"]
        assert re.fullmatch(r"serviceAccount:([^$]+(@[-.a-z]+com|\])|WORKER)|principal://[^$]+", member)
    if "roles create" in command:
        [body] = [body for method, path, body in asked if method == "POST" and path.split("?")[0].endswith("/roles")]
        file = re.search(r"iam/([-a-z]+)\.yaml", command)[1]
        assert body["role"]["includedPermissions"] == ROLES[file]["includedPermissions"]
        assert body["role"]["title"] == ROLES[file]["title"]


def test_the_page_names_each_file_and_each_permission_and_creates_each_role():
    files = [path.relative_to(ACCESS) for path in ACCESS.rglob("*.yaml")]
    assert [str(file) for file in files if f"]({file})" not in PAGE and f"access/{file} " not in PAGE] == []
    for name, role in ROLES.items():
        assert f"--file templates/access/iam/{name}.yaml" in PAGE
        for permission in role["includedPermissions"]:
            assert f"`{permission}`" in PAGE or f"`.{permission.rpartition('.')[2]}`" in PAGE, permission


def test_the_page_names_each_permission_of_the_role():
    table = PAGE[PAGE.index("| right in the namespace") :]
    rights = re.findall(r"^\| (`[^|]*`) ([a-z/]+) \|", table, re.MULTILINE)
    named = {(verb, resource) for verbs, resource in rights for verb in re.findall(r"`([a-z]+)`", verbs)}
    role = yaml.safe_load((REPOSITORY / "templates/role.yaml").read_text())
    assert named == {(verb, one) for rule in role["rules"] for one in rule["resources"] for verb in rule["verbs"]}


def number(quantity: str) -> float:
    """Return a quantity of Kubernetes in the unit of its resource."""
    for suffix, factor in (("m", 0.001), ("Gi", 2**30), ("Mi", 2**20)):
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * factor
    return float(quantity)


def test_the_quota_allows_a_job_of_each_profile_with_all_its_pods():
    _, quota, *_ = yaml.safe_load_all((ACCESS / "namespace.yaml").read_text())
    hard = {name: number(quantity) for name, quantity in quota["spec"]["hard"].items()}
    profiles = yaml.safe_load((REPOSITORY / "templates/profiles.yaml").read_text())["profiles"]
    for name, profile in profiles.items():
        pods, gpu, tpu = 1, profile.get("gpu", {}), profile.get("tpu", {})
        if tpu:
            across, down = map(int, tpu["topology"].split("x"))
            pods = across * down // tpu["chips"]
        asked = {f"requests.{one}": number(amount) for one, amount in profile["resources"]["requests"].items()}
        asked |= {"requests.nvidia.com/gpu": gpu.get("count", 0), "requests.google.com/tpu": tpu.get("chips", 0)}
        assert {one: amount for one, amount in asked.items() if amount * pods > hard[one]} == {}, name


# The permissions of the endpoints, on the stand-in ------------------------------------------------------------------

PLACE = ("--project", "localgke-project", "--location", "europe-west4")
RUNNER = "runner@localgke-project.iam.gserviceaccount.com"
ENDPOINTS = {
    "ip-endpoint": [(*PLACE, "--cluster", "ml-cluster"), (*PLACE, "--cluster", "ml-private", "--internal-ip")],
    "dns-endpoint": [(*PLACE, "--cluster", "ml-dns", "--dns-endpoint")],
    "connect-gateway": [("--project", "localgke-project", "--fleet-membership", "ml-member")],
    "impersonation": [(*PLACE, "--cluster", "ml-cluster", "--impersonate-service-account", RUNNER)],
}
NOT_ASKED = {("connect-gateway", "gkehub.memberships.get")}
# Cases that do not end with 77 in get-credentials, and their results.
LATER = {
    ("dns-endpoint", "container.clusters.connect"): ("run-job", 77),
    ("connect-gateway", "gkehub.gateway.post"): ("run-job", 77),
    ("connect-gateway", "gkehub.gateway.patch"): ("run-job", 0),
    ("connect-gateway", "gkehub.gateway.delete"): ("delete-job", 77),
}
# Cases in which gcloud does not name the permission and the script names a predefined role.
NAMED = {
    ("connect-gateway", "gkehub.gateway.get"): "roles/gkehub.gatewayEditor",
    ("impersonation", "iam.serviceAccounts.getAccessToken"): "roles/iam.serviceAccountTokenCreator",
}
KUBERNETES = ["create", "get", "list", "watch", "patch", "delete"]


def lacking() -> list[tuple[str, str]]:
    """Return the role of each endpoint with each permission that is removed from it in a test."""
    pairs = [(endpoint, permission) for endpoint in ENDPOINTS for permission in ROLES[endpoint]["includedPermissions"]]
    return [pair for pair in pairs if pair not in NOT_ASKED]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A stand-in with a user `ENDPOINT` for each role, and `ENDPOINT-PERMISSION` without one of its permissions."""
    directory = tmp_path_factory.mktemp("access")
    file = yaml.safe_load(config.DEFAULT.read_text())
    users = {"runner": ROLES["ip-endpoint"]["includedPermissions"]}
    for endpoint in ENDPOINTS:
        users[endpoint] = ROLES[endpoint]["includedPermissions"]
    for endpoint, permission in lacking():
        users[f"{endpoint}-{permission}"] = [one for one in users[endpoint] if one != permission]
    for name, permissions in users.items():
        email = f"{name.lower()}@localgke-project.iam.gserviceaccount.com"
        verbs = [] if name.startswith("impersonation") else KUBERNETES
        file["tokens"][name] = {"name": email, "verbs": [*permissions, *verbs]}
    (directory / "cluster.yaml").write_text(yaml.safe_dump(file))
    yield from cluster_of(directory / "state", "--config", directory / "cluster.yaml")


def run_a_job(cluster: Cluster, tmp_path: Path, user: str, endpoint: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """Run get-credentials, run-job and delete-job until one fails; return name, exit code and stderr of each."""
    kubeconfig, values, token = (tmp_path / name for name in ("kubeconfig", "values.json", "token"))
    values.write_text('{"image": "busybox:1.37", "command": ["sh", "-c", "echo 7 >/dev/termination-log"]}')
    token.write_text(user)
    env = {
        "GKE_JOB_CACHE": str(tmp_path / "cache"),
        "KUBECONFIG": str(kubeconfig),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
    }
    name = f"job-{zlib.crc32(str(tmp_path).encode())}"
    job = ("--namespace", "ml-jobs", "--template", "batch-job", "--values", str(values), "--name", name)
    done = []
    for script, options in (
        ("get-credentials", (*endpoint, "--kubeconfig", str(kubeconfig))),
        ("run-job", job),
        ("delete-job", ("--namespace", "ml-jobs", "--job", name)),
    ):
        ran = cluster.run("bash", str(REPOSITORY / "scripts" / script), *options, **env)
        done.append((script, ran.returncode, ran.stderr))
        if ran.returncode:
            break
        if script == "get-credentials":  # so that not every kubectl requests the same token from gcloud
            written = yaml.safe_load(kubeconfig.read_text())
            written["users"][0]["user"] = {"token": "runner" if user == "impersonation" else user}
            kubeconfig.write_text(yaml.safe_dump(written))
    return done


@needs_gcloud
@pytest.mark.parametrize(
    ("role", "endpoint"), [(role, endpoint) for role, endpoints in ENDPOINTS.items() for endpoint in endpoints]
)
def test_with_exactly_this_role_a_job_runs_and_is_deleted(role, endpoint, cluster, tmp_path):
    done = run_a_job(cluster, tmp_path, role, endpoint)
    assert [code for _, code, _ in done] == [0, 0, 0], done
    assert "denied" not in str(done)
    assert cluster.run("kubectl", "--namespace", "ml-jobs", "get", "jobs", "--output", "name").stdout == ""


@needs_gcloud
@pytest.mark.parametrize(("role", "permission"), lacking())
def test_without_one_of_its_permissions_a_script_ends_as_the_page_documents(role, permission, cluster, tmp_path):
    script, code = LATER.get((role, permission), ("get-credentials", 77))
    done = run_a_job(cluster, tmp_path, f"{role}-{permission}", ENDPOINTS[role][0])
    [(_, found, errors)] = [one for one in done if one[0] == script]
    assert found == code, errors
    assert NAMED.get((role, permission), permission) in errors

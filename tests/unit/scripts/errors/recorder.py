"""What the recordings are made on: a cluster, a server that answers what it is told to, kubectl and kubectl proxy."""

from __future__ import annotations

import base64
import ctypes
import http.client
import json
import os
import random
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FEATURE_GATES = re.compile(r'^I.*"Feature gate default state".*\n', re.MULTILINE)  # with -v=4, eleven in each answer
Recorded = dict[str, Any]


def kubectls(directory: Path) -> dict[str, str]:
    """Return the kubectl programs by their versions."""
    found = {}
    for program in ["kubectl", *map(str, sorted(directory.glob("*/kubectl")))]:
        version = subprocess.run([program, "version", "--client", "--output", "json"], capture_output=True, check=True)
        found[json.loads(version.stdout)["clientVersion"]["gitVersion"]] = program
    return found


def wait_until(done: Callable[[], Any]) -> Any:
    """Return what `done` returns once it is true."""
    for _ in range(600):
        if found := done():
            return found
        time.sleep(0.1)
    raise TimeoutError("not within 60 s")


class Cluster:
    """The cluster, with a namespace for each case.

    kubectls: program by version; directory: for files
    """

    def __init__(self, directory: Path, kubectls: dict[str, str]) -> None:
        self.directory, self.kubectls = directory, kubectls
        view = ["kubectl", "config", "view", "--raw", "--minify", "--flatten", "--output", "json"]
        config = json.loads(subprocess.run(view, capture_output=True, check=True).stdout)
        self.server: str = config["clusters"][0]["cluster"]["server"]
        self.authority: str = config["clusters"][0]["cluster"]["certificate-authority-data"]
        self.user: Recorded = config["users"][0]["user"]
        self.namespaces: list[str] = []
        self.clean_ups: list[list[str]] = []
        self.answering = Answering()
        self.certificate = directory / "server.pem"
        # For a webhook, and as an authority that did not sign the API server's certificate.
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=other"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(directory / "server.key")]
        subprocess.run([*request, *names, "-out", str(self.certificate)], check=True, capture_output=True)
        self.webhook = Answering(self.certificate, directory / "server.key")

    @property
    def other_authority(self) -> str:
        """A certificate authority that no server here has, base64."""
        return base64.b64encode(self.certificate.read_bytes()).decode()

    def close(self) -> None:
        """Delete what was made."""
        for arguments in self.clean_ups:
            self.kubectl("delete", *arguments, "--ignore-not-found", "--wait=false")
        for namespace in self.namespaces:
            self.kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
        self.answering.close()
        self.webhook.close()

    def kubectl(self, *arguments: str, given: Any = None) -> str:
        """Run kubectl as the administrator; `given` is an object for its standard input."""
        text = None if given is None else json.dumps(given)
        done = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, check=True)
        return done.stdout

    def namespace(self, **labels: str) -> str:
        """Return a new namespace."""
        name = f"record-errors-{random.randrange(10**6)}"
        metadata = {"name": name, "labels": {"gke-job/recording": name, **labels}}
        self.kubectl("create", "--filename", "-", given={"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.namespaces.append(name)
        wait_until(lambda: self.kubectl("get", "serviceaccounts", "--namespace", name, "--output", "name"))
        return name

    def kubeconfig(self, **changes: Any) -> Path:
        """Write a kubeconfig of the cluster; server, authority, or what a user has, may be another one."""
        cluster = {"server": changes.pop("server", self.server)}
        if "tls_name" in changes:
            cluster["tls-server-name"] = changes.pop("tls_name")
        if cluster["server"].startswith("https"):
            cluster["certificate-authority-data"] = changes.pop("authority", self.authority)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": changes or self.user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
        path = self.directory / f"kubeconfig-{random.randrange(10**9)}"
        path.write_text(json.dumps(config))
        return path

    def plugin(self, script: str) -> Recorded:
        """Return a user whose credentials come from a program of ours that ends as the script says."""
        path = self.directory / "gke-gcloud-auth-plugin"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return exec_plugin(str(path))

    def run(self, arguments: list[str], kubeconfig: Path, given: Any = None) -> list[Recorded]:
        """Return what each kubectl writes to stderr when it fails."""
        found = []
        for version, program in self.kubectls.items():
            command = [program, "--kubeconfig", str(kubeconfig), "-v=4", "--request-timeout=5s", *arguments]
            text = None if given is None else json.dumps(given)
            done = subprocess.run(command, input=text, capture_output=True, text=True)
            if done.returncode:
                shown = " ".join(word for word in arguments if "/" not in word)
                stderr = FEATURE_GATES.sub("", done.stderr)
                source = f"kubectl {version} {shown}{_told(kubeconfig)}"
                found.append({"source": source, "from": "kubectl", "stderr": stderr})
        return found

    def ask(self, path: str, kubeconfig: Path) -> list[Recorded]:
        """Return what each kubectl proxy answers, when that is an error."""
        found = []
        for version, program in self.kubectls.items():
            with self.proxy(program, kubeconfig) as (connection, log):
                connection.request("GET", path)
                response = connection.getresponse()
                body = response.read().decode(errors="replace")
                lines = log.read_text()
            if response.status != 200 or '"type":"ERROR"' in body:
                found.append(
                    {
                        "source": f"kubectl {version} proxy{_told(kubeconfig)}",
                        "from": "http" if response.status != 200 else "watch",
                        "code": response.status,
                        "body": body,
                        "proxy_log": lines,
                    }
                )
        return found

    @contextmanager
    def proxy(self, program: str, kubeconfig: Path) -> Iterator[tuple[http.client.HTTPConnection, Path]]:
        """Run a kubectl proxy, as open_connection of scripts/lib/bash/cluster.bash does."""
        path, log = self.directory / "socket", self.directory / "proxy.log"
        accept = "--accept-paths=^/(api|apis)/.*/namespaces/[^/]+/(jobs|pods|events)"
        command = [program, "--kubeconfig", str(kubeconfig), "proxy", f"--unix-socket={path}", accept]
        path.unlink(missing_ok=True)
        with log.open("w") as stderr:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            wait_until(path.exists)
            connection = http.client.HTTPConnection("localhost", timeout=30)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(path))
            yield connection, log
            connection.close()
        finally:
            process.terminate()
            process.wait()

    def event(self, namespace: str, job: Recorded) -> list[Recorded]:
        """Return why the Job controller cannot create the Pods of a Job."""
        self.kubectl("create", "--namespace", namespace, "--filename", "-", given=job)
        get = ["get", "events", "--namespace", namespace, "--field-selector", "reason=FailedCreate", "--output", "json"]
        items = wait_until(lambda: json.loads(self.kubectl(*get))["items"])
        return [{"source": "Event FailedCreate", "from": "event", "message": items[0]["message"]}]


def _told(kubeconfig: Path) -> str:
    """Say that it was no API server that has answered."""
    is_ours = kubeconfig.exists() and '"server": "http:' in kubeconfig.read_text()
    return ", answer written by hand" if is_ours else ""


def exec_plugin(command: str) -> Recorded:
    """Return a user of a kubeconfig whose credentials come from a program, as gcloud writes it."""
    hint = "Install gke-gcloud-auth-plugin for use with kubectl by following the instructions of GKE"
    version = "client.authentication.k8s.io/v1beta1"
    plugin = {"apiVersion": version, "command": command, "installHint": hint, "provideClusterInfo": True}
    return {"exec": {**plugin, "interactiveMode": "Never"}}


class Answering:
    """A server on loopback that answers every request with `code` and `body`, which may be a function of the request.

    code 0: closes the connection; -1: does not answer for 20 s; get: gives code and body for a path, with the header of
    a metadata server
    """

    def __init__(self, certificate: Path | None = None, key: Path | None = None) -> None:
        self.code, self.type = 500, "application/json"
        self.body: str | Callable[[Any], Any] = ""
        self.get: Callable[[str], tuple[int, str]] | None = None
        with _network(os.environ.get("WEBHOOK_NETWORK", "") if certificate else ""):
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()


@contextmanager
def _network(namespace: str) -> Iterator[None]:
    """Open sockets in the network namespace of that file, where there is one."""
    if not namespace:
        yield
        return
    with open("/proc/self/ns/net") as ours, open(namespace) as theirs:
        setns = ctypes.CDLL(None, use_errno=True).setns
        if setns(theirs.fileno(), 0):
            raise OSError(ctypes.get_errno(), namespace)
        try:
            yield
        finally:
            setns(ours.fileno(), 0)


def _handler(server: Answering) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if server.code <= 0:
                time.sleep(-20 * server.code)
                self.close_connection = True
                return
            code = server.code
            if server.get:
                code, body = server.get(self.path)
            else:
                body = server.body if isinstance(server.body, str) else json.dumps(server.body(json.loads(given)))
            self.send_response(code)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", server.type)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815 # http.server's names

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler

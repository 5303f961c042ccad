"""Checks whether the endpoint of a cluster is reachable, and if not, which part of the connection fails.

It makes a separate connection without credentials, step by step: name, route, TCP, TLS, HTTP. An API server answers
every request, if only with 401, and its Date header has its time.
"""

from __future__ import annotations

import base64
import errno
import ipaddress
import os
import re
import shlex
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from gke_jobs import tls
from gke_jobs.access.kubeconfig_check import PROXIES
from gke_jobs.json_access import Json, at, dict_at, list_at, text_at
from gke_jobs.preflight.finding import Finding, failed, ok, warning

SECONDS = 5.0  # for each step
ANSWER_BYTES = 16 << 10
HTTPS_PORT, HTTP_PORT = 443, 80
CLOCK_SECONDS = 10  # the permitted difference of the clock to the server's
PROJECT = re.compile(r"/projects/([^/]+)/")
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


class Step(Enum):
    """The step that failed, or ANSWERED."""

    NAME = "name"
    ROUTE = "route"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    TLS = "tls"
    SILENT = "silent"
    ANSWERED = "answered"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The endpoint in a kubeconfig.

    authority: certificates, PEM, may be empty for the public ones; proxy: its URL; server_name: of its certificate, if
    different from the host; is_insecure: its certificate is not checked
    """

    host: str
    port: int
    authority: str = ""
    proxy: str = ""
    server_name: str = ""
    is_insecure: bool = False

    @property
    def kind(self) -> str:
        """The kind of endpoint in the terms of GKE."""
        if self.host.startswith("connectgateway."):
            return "Connect gateway"
        if self.host.endswith(".gke.goog"):
            return "DNS endpoint"
        try:
            is_private = ipaddress.ip_address(self.host).is_private
        except ValueError:
            return "endpoint"
        return "private IP endpoint" if is_private else "public IP endpoint"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The result of a connection. error: as text; date: the Date header, '' for none; seconds: until the answer."""

    step: Step
    error: str = ""
    date: str = ""
    seconds: float = 0.0


def read(kubeconfig: Json, environ: Mapping[str, str]) -> Endpoint | None:
    """Return the endpoint of a kubeconfig with one cluster, None if it has no valid one."""
    cluster = dict_at(next(iter(list_at(kubeconfig, "clusters")), None), "cluster")
    try:
        url = urlsplit(text_at(cluster, "server"))
        port = url.port or HTTPS_PORT
        authority = base64.b64decode(text_at(cluster, "certificate-authority-data")).decode()
    except ValueError:
        return None
    if not url.hostname:
        return None
    proxy = text_at(cluster, "proxy-url")
    exceptions = {"no": environ.get("NO_PROXY") or environ.get("no_proxy") or ""}
    if not proxy and not proxy_bypass(url.hostname, exceptions):
        proxy = next(filter(None, (environ.get(name, "") for name in PROXIES)), "")
    return Endpoint(
        host=url.hostname,
        port=port,
        authority=authority,
        proxy=proxy,
        server_name=text_at(cluster, "tls-server-name"),
        is_insecure=cluster.get("insecure-skip-tls-verify") is True,
    )


def probe(endpoint: Endpoint) -> Probe:
    """Connect to an endpoint that is not behind a proxy."""
    began = datetime.now(timezone.utc)
    try:
        socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Probe(step=Step.NAME, error=error.strerror or str(error))
    try:
        connection = socket.create_connection((endpoint.host, endpoint.port), SECONDS)
    except TimeoutError:
        return Probe(step=Step.TIMEOUT, error=f"no answer within {SECONDS:g} s")
    except ConnectionRefusedError as error:
        return Probe(step=Step.REFUSED, error=os.strerror(error.errno or errno.ECONNREFUSED))
    except OSError as error:
        step = Step.ROUTE if error.errno in NO_ROUTE else Step.TIMEOUT
        return Probe(step=step, error=error.strerror or str(error))
    with connection:
        return _ask(endpoint, connection, began)


def evaluate_proxy(endpoint: Endpoint) -> Finding:
    """Return the finding whether the proxy before an endpoint accepts connections."""
    url = urlsplit(endpoint.proxy if "://" in endpoint.proxy else f"http://{endpoint.proxy}")
    place = f"the proxy {url.hostname}:{url.port or HTTP_PORT} for {endpoint.host}:{endpoint.port}"
    try:
        socket.create_connection((url.hostname or "", url.port or HTTP_PORT), SECONDS).close()
    except (OSError, ValueError) as error:
        fix = "correct HTTPS_PROXY, or name the endpoint in NO_PROXY"
        return failed("endpoint", f"{place} accepts no connections: {error}", fix)
    return ok("endpoint", f"{place} accepts connections")


def _ask(endpoint: Endpoint, connection: socket.socket, began: datetime) -> Probe:
    """Do the TLS handshake, and ask for the version without credentials."""
    try:
        context = tls.context(endpoint.authority, is_insecure=endpoint.is_insecure)
        with context.wrap_socket(connection, server_hostname=endpoint.server_name or endpoint.host) as stream:
            stream.sendall(f"GET /version HTTP/1.1\r\nHost: {endpoint.host}\r\nConnection: close\r\n\r\n".encode())
            answer, ends_at = b"", time.monotonic() + SECONDS
            while len(answer) < ANSWER_BYTES and b"\r\n\r\n" not in answer and (piece := stream.recv(ANSWER_BYTES)):
                answer += piece
                if time.monotonic() > ends_at:
                    raise TimeoutError
    except TimeoutError:
        return Probe(step=Step.SILENT, error=f"a connection, but no answer within {SECONDS:g} s")
    except (OSError, ValueError) as error:
        return Probe(step=Step.TLS, error=str(error))
    headers = answer.decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")[1:]
    pairs = (header.partition(":") for header in headers)
    dates = [value.strip() for name, _, value in pairs if name.lower() == "date"]
    seconds = (datetime.now(timezone.utc) - began).total_seconds()
    return Probe(step=Step.ANSWERED, date=next(iter(dates), ""), seconds=seconds)


def evaluate(endpoint: Endpoint, found: Probe, cluster: Json) -> Finding:
    """Return the finding of a probe. cluster: from the GKE API, None if not known."""
    place = f"{endpoint.kind} {endpoint.host}:{endpoint.port}"
    if found.step is Step.ANSWERED:
        return ok("endpoint", f"{place} answers, {found.seconds:.2f} s")
    if found.step is Step.NAME:
        return failed(
            "endpoint",
            f"DNS: the name of the {place} does not resolve here: {found.error}",
            "let the resolver of this network answer for *.gke.goog and *.googleapis.com, or use an IP endpoint",
        )
    if found.step is Step.REFUSED:
        return failed(
            "endpoint",
            f"nothing listens at the {place}: {found.error}",
            "remove the directory GKE_JOB_CACHE if the cluster was recreated; otherwise compare: "
            f"gcloud container clusters describe {_cluster_arguments(cluster)}",
        )
    if found.step is Step.TLS:
        return failed(
            "endpoint",
            f"TLS: the {place} has no certificate of this cluster: {found.error}",
            "is there a proxy on the path, or was the cluster recreated? Then remove the directory GKE_JOB_CACHE",
        )
    if endpoint.kind == "private IP endpoint":
        return failed("endpoint", f"{_cause(found, 'route')}: the {place}: {found.error}", _fix_private(cluster))
    return failed("endpoint", f"{_cause(found, 'firewall')}: the {place}: {found.error}", _fix_public(cluster))


def _cause(found: Probe, usual: str) -> str:
    if found.step is Step.SILENT:
        return "a device on the path accepts connections but forwards no data"
    return "no route" if found.step is Step.ROUTE else f"{usual} or authorized networks"


def _fix_private(cluster: Json) -> str:
    dns = _dns_fix(cluster)
    return (
        "attach the environment to a network with a route to the control plane (VPC peering does not pass routes on), "
        f"and add its range to the authorized networks{f'; or {dns}' if dns else ''}"
    )


def _fix_public(cluster: Json) -> str:
    private, dns = text_at(cluster, "privateClusterConfig", "privateEndpoint"), _dns_fix(cluster)
    others = [*(["use --internal-ip from inside its network"] if private else []), *([dns] if dns else [])]
    blocks = list_at(cluster, "masterAuthorizedNetworksConfig", "cidrBlocks")
    known = f" (now {', '.join(text_at(block, 'cidrBlock') for block in blocks)})" if blocks else ""
    allow = (
        f"allow this machine's address{known}: gcloud container clusters update {_cluster_arguments(cluster)} "
        "--enable-master-authorized-networks --master-authorized-networks CIDR,..."
    )
    return "; or ".join([*others, allow])


def _cluster_arguments(cluster: Json) -> str:
    """Return the arguments of gcloud that name the cluster, with placeholders for unknown ones."""
    project = PROJECT.search(text_at(cluster, "selfLink"))
    name, location = text_at(cluster, "name"), text_at(cluster, "location")
    return " ".join(
        (
            shlex.quote(name or "NAME"),
            f"--location {shlex.quote(location or 'WHERE')}",
            f"--project {shlex.quote(project[1] if project else 'ID')}",
        )
    )


def _dns_fix(cluster: Json) -> str:
    """Return the advice to use the DNS endpoint; '' if the cluster is known to have none for external access."""
    config = dict_at(cluster, "controlPlaneEndpointsConfig", "dnsEndpointConfig")
    if config and not at(config, "allowExternalTraffic"):
        return ""
    return "use --dns-endpoint, which requires no route"


def evaluate_clock(found: Probe, now: datetime) -> Finding | None:
    """Return the finding whether the clock agrees with the server's; None if not known."""
    try:
        theirs = parsedate_to_datetime(found.date)
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=timezone.utc)
    difference = (now - theirs).total_seconds()
    if abs(difference) > CLOCK_SECONDS:
        side = "ahead of" if difference > 0 else "behind"
        return warning(
            "clock",
            f"the clock is {abs(difference):.0f} s {side} the API server's: tokens and ages may be wrong",
            "synchronize the clock of this machine: timedatectl set-ntp true",
        )
    return ok("clock", f"within {CLOCK_SECONDS} s of the API server's")

"""How far a connection comes, with real sockets, and which part of the way is the cause."""

from __future__ import annotations

import base64
import contextlib
import socket
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from gke_jobs.preflight.endpoint import Endpoint, Probe, Step, evaluate, evaluate_clock, probe, read

PUBLIC, PRIVATE = Endpoint(host="34.1.2.3", port=443), Endpoint(host="10.1.2.3", port=443)
DNS = Endpoint(host="gke-1.europe-west4.gke.goog", port=443)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def kubeconfig(server, **cluster):
    return {"clusters": [{"cluster": {"server": server, **cluster}}]}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (kubeconfig("https://34.1.2.3"), PUBLIC),
        (kubeconfig("https://10.1.2.3:8443"), Endpoint(host="10.1.2.3", port=8443)),
        (
            kubeconfig("https://h", **{"certificate-authority-data": base64.b64encode(b"PEM").decode()}),
            Endpoint(host="h", port=443, authority="PEM"),
        ),
        (kubeconfig("https://h", **{"proxy-url": "http://p"}), Endpoint(host="h", port=443, proxy="http://p")),
        (
            kubeconfig("https://h", **{"insecure-skip-tls-verify": True, "tls-server-name": "other"}),
            Endpoint(host="h", port=443, is_insecure=True, server_name="other"),
        ),
        (kubeconfig("https://h:port"), None),
        (kubeconfig(""), None),
        ({}, None),
    ],
)
def test_where_a_kubeconfig_leads_to(found, expected):
    assert read(found, {}) == expected


def test_a_proxy_of_the_environment_counts():
    found = read(kubeconfig("https://h"), {"HTTPS_PROXY": "http://p"})
    assert found
    assert found.proxy == "http://p"


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        (PUBLIC, "public IP endpoint"),
        (PRIVATE, "private IP endpoint"),
        (DNS, "DNS endpoint"),
        (Endpoint(host="connectgateway.googleapis.com", port=443), "Connect gateway"),
        (Endpoint(host="kubernetes.example", port=443), "endpoint"),
    ],
)
def test_the_kind_of_an_endpoint(endpoint, kind):
    assert endpoint.kind == kind


def test_a_name_that_does_not_resolve():
    assert probe(Endpoint(host="nothing.invalid", port=443)).step is Step.NAME


def test_a_port_on_which_nobody_listens():
    with contextlib.closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        assert probe(Endpoint(host="127.0.0.1", port=bound.getsockname()[1])).step is Step.REFUSED


def test_a_server_that_takes_connections_and_never_answers(monkeypatch):
    monkeypatch.setattr("gke_jobs.preflight.endpoint.SECONDS", 0.2)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        assert probe(Endpoint(host="127.0.0.1", port=server.getsockname()[1])).step is Step.SILENT


def test_an_authority_that_is_none():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        found = probe(Endpoint(host="127.0.0.1", port=server.getsockname()[1], authority="no PEM"))
    assert found.step is Step.TLS


@pytest.mark.parametrize(
    ("endpoint", "step", "cluster", "words", "fix"),
    [
        (DNS, Step.NAME, None, "DNS: the name", "*.gke.goog"),
        (PUBLIC, Step.REFUSED, None, "nothing listens", "GKE_JOB_CACHE"),
        (PUBLIC, Step.TLS, None, "TLS:", "proxy"),
        (PUBLIC, Step.ROUTE, None, "no route", "--dns-endpoint"),
        (PUBLIC, Step.TIMEOUT, None, "firewall or authorized networks", "--master-authorized-networks"),
        (PRIVATE, Step.TIMEOUT, None, "route or authorized networks", "attach the environment"),
        (PRIVATE, Step.ROUTE, None, "no route", "attach the environment"),
    ],
)
def test_the_cause_and_its_fix(endpoint, step, cluster, words, fix):
    found = evaluate(endpoint, Probe(step=step, error="said"), cluster)
    assert found.state == "failed"
    assert words in found.found
    assert fix in found.fix


def test_the_fix_knows_what_the_gke_api_says():
    cluster = {
        "name": "ml",
        "location": "europe-west4",
        "selfLink": "https://container.googleapis.com/v1/projects/p/zones/europe-west4/clusters/ml",
        "privateClusterConfig": {"privateEndpoint": "10.0.0.2"},
        "masterAuthorizedNetworksConfig": {"enabled": True, "cidrBlocks": [{"cidrBlock": "10.0.0.0/8"}]},
        "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": "e", "allowExternalTraffic": False}},
    }
    fix = evaluate(PUBLIC, Probe(step=Step.TIMEOUT), cluster).fix
    assert "use --internal-ip" in fix
    assert "--dns-endpoint" not in fix
    place = "ml --location europe-west4 --project p"
    assert f"(now 10.0.0.0/8): gcloud container clusters update {place} --enable-master-authorized-networks " in fix
    refused = evaluate(PUBLIC, Probe(step=Step.REFUSED), cluster)
    assert refused.fix.endswith(f"gcloud container clusters describe {place}")


def test_the_fix_has_placeholders_for_what_is_not_known():
    fix = evaluate(PUBLIC, Probe(step=Step.TIMEOUT), None).fix
    assert "gcloud container clusters update NAME --location WHERE --project ID " in fix


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (9, "ok"), (60, "warning"), (-60, "warning")])
def test_the_clock(seconds, state):
    found = evaluate_clock(Probe(step=Step.ANSWERED, date=format_datetime(NOW + timedelta(seconds=seconds))), NOW)
    assert found
    assert found.state == state


def test_a_date_without_a_zone_is_one_of_utc():
    found = evaluate_clock(Probe(step=Step.ANSWERED, date="Thu, 01 Jan 2026 00:00:00 -0000"), NOW)
    assert found
    assert found.state == "ok"


def test_a_server_that_does_not_tell_the_time():
    assert evaluate_clock(Probe(step=Step.ANSWERED, date=""), NOW) is None

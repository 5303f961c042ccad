"""What fails on the way to the API server: the network, TLS, load balancers, the credential plugin, kubectl itself."""

from __future__ import annotations

import json
import socket

from cases import case, closed_port, job, path, read, status
from recorder import Cluster, Recorded, exec_plugin


@case("transient")
def refused_connection(on: Cluster) -> list[Recorded]:
    return read(on, server=f"https://127.0.0.1:{closed_port()}")


@case("transient")
def name_unknown(on: Cluster) -> list[Recorded]:
    return read(on, server="https://cluster.invalid")


@case("transient")
def no_answer(on: Cluster) -> list[Recorded]:
    on.answering.code = -1
    config = on.kubeconfig(server=f"http://{on.answering.address}")
    return on.run(["create", "--raw", path("default"), "--filename", "-"], config, job())


@case("transient")
def no_handshake(on: Cluster) -> list[Recorded]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        server = f"https://127.0.0.1:{silent.getsockname()[1]}"
        return on.run(["create", "--raw", path("default"), "--filename", "-"], on.kubeconfig(server=server), job())


@case("transient")
def cut(on: Cluster) -> list[Recorded]:
    on.answering.code = 0
    return read(on, server=f"http://{on.answering.address}")


@case("config")
def other_authority(on: Cluster) -> list[Recorded]:
    return read(on, authority=on.other_authority, token="admin-token")


@case("config")
def other_name(on: Cluster) -> list[Recorded]:
    return read(on, tls_name="other.example")


@case("transient")
def server_trouble(on: Cluster) -> list[Recorded]:
    answers = []
    on.answering.type = "application/json"
    for code, reason, message in (
        (500, "InternalError", "Internal error occurred: etcdserver: leader changed"),
        (500, "", "etcdserver: request timed out"),
        (503, "ServiceUnavailable", "the server is currently unable to handle the request"),
        (504, "Timeout", "Timeout: request did not complete within requested timeout - context deadline exceeded"),
        (429, "TooManyRequests", "Too many requests, please try again later."),
        (408, "", "request timed out"),
        (500, "ServerTimeout", "The create operation against jobs.batch could not be completed at this time"),
    ):
        on.answering.code, on.answering.body = code, status(code, reason, message)
        answers += read(on, server=f"http://{on.answering.address}")
    return answers


@case("transient")
def load_balancer(on: Cluster) -> list[Recorded]:
    answers = []
    on.answering.type = "text/html; charset=UTF-8"
    for code in (429, 500, 502, 503, 504):
        on.answering.code = code
        on.answering.body = (
            "<html><head>\n<title>Server Error</title>\n</head>\n<body text=#000000>\n<h1>Error: Server Error</h1>\n"
            "<h2>It encountered a temporary error: x509: auth login, 30 seconds.</h2>\n</body></html>\n"
        )
        answers += read(on, server=f"http://{on.answering.address}")
    return answers


@case("transient")
def load_balancer_knows_no_such_page(on: Cluster) -> list[Recorded]:
    on.answering.type, on.answering.code = "text/html; charset=UTF-8", 404
    on.answering.body = "<!DOCTYPE html><html><title>404 Not Found</title><p>default backend</html>"
    return read(on, server=f"http://{on.answering.address}")


@case("denied")
def load_balancer_denies(on: Cluster) -> list[Recorded]:
    on.answering.type, on.answering.code = "text/html; charset=UTF-8", 403
    title = "<title>Error 403 (Forbidden)!!1</title>"
    on.answering.body = f"<!DOCTYPE html><html>{title}<p>Your client does not have permission.</html>"
    return read(on, server=f"http://{on.answering.address}")


@case("config")
def path_not_let_through(on: Cluster) -> list[Recorded]:
    return on.ask("/api/v1/nodes", on.kubeconfig())


@case("login")
def plugin_not_logged_in(on: Cluster) -> list[Recorded]:
    said = (
        "F1125 22:40:00.000000    4711 cred.go:145] print credential failed with error: Failed to retrieve access token"
        ":: failure while executing gcloud, with args [config config-helper --format=json]: exit status 1 (err: ERROR: "
        "(gcloud.config.config-helper) You do not currently have an active account selected.\n"
        "Please run:\n\n  $ gcloud auth login\n\nto obtain new credentials.)"
    )
    return read(on, **on.plugin(f"cat >&2 <<'END'\n{said}\nEND\nexit 1"))


@case("login")
def plugin_reauthentication(on: Cluster) -> list[Recorded]:
    said = (
        "ERROR: (gcloud.config.config-helper) Reauthentication failed. cannot prompt during non-interactive execution."
    )
    return read(on, **on.plugin(f"echo '{said}' >&2; exit 1"))


@case("login")
def plugin_silent(on: Cluster) -> list[Recorded]:
    return read(on, **on.plugin("exit 1"))


@case("login")
def plugin_with_bad_token(on: Cluster) -> list[Recorded]:
    kind = {"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"}
    answer = {**kind, "status": {"token": "worthless"}}
    return read(on, **on.plugin(f"echo '{json.dumps(answer)}'"))


@case("transient")
def plugin_metadata_server(on: Cluster) -> list[Recorded]:
    said = (
        "ERROR: gcloud crashed (MetadataServerException): HTTP Error 503: Service Unavailable\n"
        "F1125 22:40:00.000000    4711 cred.go:145] print credential failed with error: Failed to retrieve access token"
    )
    return read(on, **on.plugin(f"cat >&2 <<'END'\n{said}\nEND\nexit 1"))


@case("config")
def plugin_absent(on: Cluster) -> list[Recorded]:
    return read(on, **exec_plugin("gke-gcloud-auth-plugin-absent"))


@case("config")
def plugin_path_absent(on: Cluster) -> list[Recorded]:
    return read(on, **exec_plugin("/nowhere/gke-gcloud-auth-plugin"))


@case("usage")
def context_absent(on: Cluster) -> list[Recorded]:
    config = on.kubeconfig()
    created = on.run(["--context", "nope", "create", "--raw", path("default"), "--filename", "-"], config, job())
    deleted = on.run(["--context", "nope", "delete", "--raw", path("default", "none")], config)
    annotated = on.run(["--context", "nope", "annotate", "job", "none", "a=b"], config)
    return [*created, *deleted, *annotated, *on.run(["--context", "nope", "config", "view", "--minify"], config)]


@case("usage")
def no_current_context(on: Cluster) -> list[Recorded]:
    config = on.directory / "empty"
    config.write_text("apiVersion: v1\nkind: Config\n")
    return on.run(["config", "view", "--minify"], config)


@case("config")
def kubeconfig_broken(on: Cluster) -> list[Recorded]:
    garbled, unknown, absent = (on.directory / name for name in ("garbled", "unknown", "absent"))
    garbled.write_text("users: [")
    unknown.write_text('{"apiVersion": "v9", "kind": "Config"}')
    delete = ["delete", "--raw", path("default", "none")]
    no_cluster = on.run(["--cluster", "nope", *delete], on.kubeconfig())
    return [*no_cluster, *(answer for config in (garbled, unknown, absent) for answer in on.run(delete, config))]

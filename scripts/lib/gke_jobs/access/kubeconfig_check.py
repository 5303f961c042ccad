"""Checks that a kubeconfig still leads to its cluster: a server answers with a certificate of its authority."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Mapping

SERVER = re.compile(r"^ +server: https://([^/:\s]+)(?::(\d+))?", re.MULTILINE)
AUTHORITY = re.compile(r"^ +certificate-authority-data: (\S+)", re.MULTILINE)
SECONDS = 3.0
PROXIES = ("HTTPS_PROXY", "https_proxy")


def is_usable(kubeconfig: str, environ: Mapping[str, str]) -> bool:
    """Return whether the endpoint answers with a certificate of the kubeconfig's authority.

    The check is weaker behind a proxy, or with a certificate of a public authority.
    """
    if not kubeconfig:
        return False
    if any(environ.get(name) for name in PROXIES) or "proxy-url:" in kubeconfig:
        return True
    server, authority = SERVER.search(kubeconfig), AUTHORITY.search(kubeconfig)
    if server is None:
        return False
    host, port = server[1], int(server[2] or 443)
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            if authority is None:
                return True
            from gke_jobs import tls  # takes longer to load than all other modules

            context = tls.context(base64.b64decode(authority[1]).decode())
            with context.wrap_socket(connection, server_hostname=host):
                return True
    except (OSError, ValueError):
        return False

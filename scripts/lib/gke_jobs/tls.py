"""How the certificate of an API server is checked. A module of its own: ssl takes long to load."""

from __future__ import annotations

import ssl


def context(authority: str, *, is_insecure: bool = False) -> ssl.SSLContext:
    """Return a context that checks as kubectl does, so not by what Python 3.13 asks of a certificate besides.

    authority: certificates, PEM, '' for the public ones; is_insecure: nothing is checked
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if is_insecure:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    elif authority:
        made.load_verify_locations(cadata=authority)
    else:
        made.load_default_certs()
    return made

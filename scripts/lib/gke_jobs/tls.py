"""The TLS settings for an API server, in a separate module because ssl takes long to load."""

from __future__ import annotations

import ssl


def context(authority: str, *, is_insecure: bool = False) -> ssl.SSLContext:
    """Return a context that checks as kubectl does, without the additional checks of Python 3.13.

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

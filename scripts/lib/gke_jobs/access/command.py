"""Prints the account and the state of its cache.

command.py access [--cache DIR] --auth auto|adc|gcloud [--impersonate-service-account EMAIL] WORD...

WORD...: what else identifies the cluster and the endpoint
stdout: a line AUTH STATE ENTRY, and NAME=VALUE lines, an environment with which gcloud uses the same account. STATE is
fresh: use the files in ENTRY; token: its token is old or missing; stale: get everything anew; none: nothing can be
cached. exit code: 69 if the account comes from the metadata server and that does not answer
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.access import accounts, cache, metadata
from gke_jobs.access.kubeconfig_check import is_usable
from gke_jobs.messages import ERROR, log


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--auth", choices=("auto", accounts.ADC, accounts.GCLOUD), required=True)
    parser.add_argument("--impersonate-service-account", dest="impersonated", default="")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    environ = accounts.environment()
    try:
        account = accounts.find(environ, options.auth, options.impersonated, lambda: metadata.email(environ))
    except metadata.NoAnswerError as error:
        log(f"cannot get credentials: {error}: {error.fix}", ERROR)
        return exit_codes.UNREACHABLE
    place = cache.entry(options.cache, [account.identity, *options.words]) if options.cache else None
    print(account.auth, _state(account, place), place or "")
    for name, value in account.settings.items():
        print(f"{name}={value}")
    return 0


def _state(account: accounts.Account, place: Path | None) -> str:
    if place is None:
        return "none"
    if not is_usable(cache.kubeconfig(place), accounts.environment()):
        cache.sweep(place)
        return "stale"
    is_kept = account.auth == accounts.GCLOUD and not accounts.environment().get(accounts.TOKEN_FILE)
    return "token" if is_kept and not cache.has_token(place) else "fresh"

"""Selects the credentials: gcloud's, or application-default credentials, which need no call of gcloud."""

from __future__ import annotations

import configparser
import json
import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gke_jobs.access.metadata import NoAnswerError

ADC, GCLOUD = "adc", "gcloud"

# Settings of gcloud that select its credentials. The auth plugin ignores them for application-default credentials.
TOKEN_FILE, KEY_FILE = "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"
ACCOUNT = "CLOUDSDK_CORE_ACCOUNT"
IMPERSONATED = "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT"
SELECTORS = (TOKEN_FILE, KEY_FILE, ACCOUNT, IMPERSONATED, "CLOUDSDK_AUTH_ACCESS_TOKEN")
USE_ADC = "CLOUDSDK_CONTAINER_USE_APPLICATION_DEFAULT_CREDENTIALS"
ADC_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
CONFIGURED_FILES = ("access_token_file", "credential_file_override")  # of section [auth]
CONFIGURED = (*CONFIGURED_FILES, "impersonate_service_account")
LOGINS = "credentials.db"  # in gcloud's directory
READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Account:
    """auth: ADC or GCLOUD; identity: a digest that is unique to this account.

    settings: environment variables that make gcloud use the same account
    """

    auth: str
    identity: str
    settings: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Gcloud:
    """The active configuration of gcloud: the account, and whether other settings select the credentials.

    identity: what identifies its credentials: the text, the content of the files that it names, and the location of the
    login of the account. Without an account, gcloud uses the account of the metadata server
    """

    account: str
    is_selected: bool
    identity: list[str]


def find(environ: Mapping[str, str], mode: str, impersonated: str, ask_metadata: Callable[[], str]) -> Account:
    """Return the account that a kubeconfig uses.

    mode: auto, adc or gcloud; impersonated: a service account, or empty
    ask_metadata: returns the account of the metadata server, empty if there is no server
    NoAnswerError if the metadata server does not answer and there is no other account
    """
    gcloud = _gcloud(environ)
    file = _adc_file(environ)
    is_selected = gcloud.is_selected or any(environ.get(name) for name in SELECTORS)
    needed = not file if mode == ADC else not is_selected and (mode == "auto" or not gcloud.account)
    metadata, silence = "", None
    try:
        metadata = ask_metadata() if needed else ""
    except NoAnswerError as error:
        silence = error
    is_free = mode == "auto" and not impersonated
    auth = _choose(environ, is_selected, gcloud.account, file, metadata) if is_free else mode
    auth = GCLOUD if auth == "auto" else auth
    if silence and not (file if auth == ADC else is_selected or gcloud.account):
        raise silence
    settings: dict[str, str] = {}
    if auth == ADC and file:
        settings = {KEY_FILE: str(file)}
    elif auth == ADC and metadata:
        settings = {ACCOUNT: metadata}
    given = {name: value for name, value in environ.items() if name.startswith(("CLOUDSDK_", "GCE_METADATA_"))}
    files = [_content(Path(environ[name])) for name in (TOKEN_FILE, KEY_FILE) if environ.get(name)]
    key = _content(file) if file else ""
    parts = [auth, impersonated, metadata, gcloud.identity, sorted(given.items()), files, key]
    return Account(auth=auth, identity=sha256(json.dumps(parts).encode()).hexdigest(), settings=settings)


def _choose(environ: Mapping[str, str], is_selected: bool, own: str, file: Path | None, metadata: str) -> str:
    """Choose ADC if there is a key file or a metadata server, and gcloud has no account of its own."""
    if environ.get(USE_ADC, "").lower() == "true":
        return ADC
    if is_selected:
        return GCLOUD
    if file and environ.get(ADC_FILE):
        return ADC if _is_key(file) else GCLOUD
    if own and own != metadata:
        return GCLOUD
    if file:
        return ADC if _is_key(file) else GCLOUD
    return ADC if metadata else GCLOUD


def _gcloud(environ: Mapping[str, str]) -> Gcloud:
    directory = Path(environ.get("CLOUDSDK_CONFIG") or _home(environ) / ".config/gcloud").absolute()
    name = environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or _content(directory / "active_config") or "default"
    text = _content(directory / f"configurations/config_{name}")
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return Gcloud(account="", is_selected=True, identity=[text])
    is_selected = any(parser.get("auth", option, fallback="") for option in CONFIGURED)
    named = [parser.get("auth", option, fallback="") for option in CONFIGURED_FILES]
    account = parser.get("core", "account", fallback="")
    has_login = (environ.get(ACCOUNT) or account) and (directory / LOGINS).exists()
    identity = [text, str(directory) if has_login else "", *(_content(Path(file)) if file else "" for file in named)]
    return Gcloud(account=account, is_selected=is_selected, identity=identity)


def _adc_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file that Google's libraries read before they ask a metadata server. Go's ignores CLOUDSDK_CONFIG.

    A path with a line break is ignored: it cannot be printed as one line for gcloud.
    """
    named = environ.get(ADC_FILE)
    file = Path(named) if named else _home(environ) / ".config/gcloud/application_default_credentials.json"
    return file if "\n" not in str(file) and (named or file.exists()) else None


def _is_key(file: Path) -> bool:
    """Whether the file is the key of a service account, not the personal login of a user."""
    try:
        found = json.loads(_content(file))
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("type") in ("service_account", "external_account")


def _home(environ: Mapping[str, str]) -> Path:
    """Return the home directory as gcloud determines it."""
    if "HOME" in environ:
        return Path(environ["HOME"] or "/")
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("/nonexistent")


def _content(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(READ_BYTES).decode(errors="replace")
    except OSError:
        return ""


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ

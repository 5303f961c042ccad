"""Whose credentials --auth auto takes."""

import json
import socket
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from gke_jobs.access import accounts, cache, kubeconfig_check, metadata, plugin

WORKER = "worker@p.iam.gserviceaccount.com"


def find(tmp_path, environ=None, *, how="auto", impersonated="", server=""):
    environ = {"HOME": str(tmp_path), **(environ or {})}
    return accounts.find(environ, how, impersonated, lambda: server)


def write(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


def configure(tmp_path, text):
    write(tmp_path / ".config/gcloud/configurations/config_default", text)


def test_a_worker_with_a_metadata_server_takes_application_default_credentials(tmp_path):
    account = find(tmp_path, server=WORKER)
    assert (account.auth, account.settings) == ("adc", {"CLOUDSDK_CORE_ACCOUNT": WORKER})


def test_a_machine_with_neither_takes_those_of_gcloud(tmp_path):
    assert find(tmp_path).auth == "gcloud"


@pytest.mark.parametrize(
    ("kind", "auth"), [("service_account", "adc"), ("external_account", "adc"), ("authorized_user", "gcloud")]
)
def test_a_key_file_is_taken_also_for_gcloud_but_not_the_login_of_a_user(tmp_path, kind, auth):
    file = write(tmp_path / "key.json", {"type": kind})
    account = find(tmp_path, {"GOOGLE_APPLICATION_CREDENTIALS": file}, server=WORKER)
    assert account.auth == auth
    assert account.settings == ({"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": file} if auth == "adc" else {})


def test_a_key_file_whose_path_has_a_line_break_is_as_none(tmp_path):
    file = write(tmp_path / "k\nPATH=x", {"type": "service_account"})
    account = find(tmp_path, {"GOOGLE_APPLICATION_CREDENTIALS": file})
    assert (account.auth, account.settings) == ("gcloud", {})


@pytest.mark.parametrize(
    "environ",
    [
        {"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "/token"},
        {"CLOUDSDK_AUTH_ACCESS_TOKEN": "t"},
        {"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": "/key"},
        {"CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": "a@b.c"},
        {"CLOUDSDK_CORE_ACCOUNT": "me@example.com"},
    ],
)
def test_what_tells_gcloud_which_credentials_to_use_is_obeyed(tmp_path, environ):
    assert find(tmp_path, environ, server=WORKER).auth == "gcloud"


@pytest.mark.parametrize(
    ("text", "auth"),
    [
        ("[core]\naccount = me@example.com\n", "gcloud"),
        (f"[core]\naccount = {WORKER}\n", "adc"),
        ("[auth]\nimpersonate_service_account = a@b.c\n", "gcloud"),
        ("[core]\nproject = p\n", "adc"),
        ("no configuration", "gcloud"),
    ],
)
def test_an_account_that_gcloud_has_been_given_is_obeyed(tmp_path, text, auth):
    configure(tmp_path, text)
    assert find(tmp_path, server=WORKER).auth == auth


def test_the_personal_login_that_libraries_would_find_first_is_not_taken(tmp_path):
    write(tmp_path / ".config/gcloud/application_default_credentials.json", {"type": "authorized_user"})
    assert find(tmp_path, server=WORKER).auth == "gcloud"
    assert find(tmp_path, how="adc", server=WORKER).auth == "adc"


def test_to_impersonate_takes_the_credentials_of_gcloud(tmp_path):
    assert find(tmp_path, impersonated="a@b.c", server=WORKER).auth == "gcloud"


def test_the_property_of_gcloud_is_obeyed(tmp_path):
    environ = {"CLOUDSDK_CONTAINER_USE_APPLICATION_DEFAULT_CREDENTIALS": "true"}
    assert find(tmp_path, environ).auth == "adc"


def test_two_accounts_never_have_the_same_identity(tmp_path):
    token = tmp_path / "token"
    environ = {"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token)}
    found = [find(tmp_path, server=server).identity for server in ("", WORKER, "other@p.iam.gserviceaccount.com")]
    for text in ("a", "b"):
        token.write_text(text)
        found.append(find(tmp_path, environ).identity)
    for text in ("me@example.com", "you@example.com"):
        configure(tmp_path, f"[core]\naccount = {text}\n")
        found.append(find(tmp_path).identity)
        found.append(find(tmp_path, impersonated="a@b.c").identity)
    assert len(set(found)) == len(found)
    assert find(tmp_path).identity == find(tmp_path).identity


@pytest.mark.parametrize("option", ["access_token_file", "credential_file_override"])
def test_the_content_of_a_file_that_the_configuration_names_is_part_of_the_identity(tmp_path, option):
    named = tmp_path / "named"
    configure(tmp_path, f"[auth]\n{option} = {named}\n")
    found = []
    for text in ("", "one", "two"):
        named.write_text(text)
        found.append(find(tmp_path).identity)
    assert len(set(found)) == len(found)


def test_without_home_the_home_of_the_user_is_taken(tmp_path, monkeypatch):
    configure(tmp_path, "[core]\naccount = me@example.com\n")
    monkeypatch.setattr(accounts.pwd, "getpwuid", lambda _: SimpleNamespace(pw_dir=str(tmp_path)))
    assert accounts.find({}, "auto", "", lambda: WORKER) == find(tmp_path, server=WORKER)
    assert accounts.find({}, "auto", "", lambda: WORKER).auth == "gcloud"


@pytest.mark.parametrize(
    ("text", "environ"), [("[core]\naccount = a@b.c\n", {}), ("", {"CLOUDSDK_CORE_ACCOUNT": "a@b.c"})]
)
def test_the_login_of_an_account_in_another_directory_is_another(tmp_path, text, environ):
    homes = [tmp_path / name for name in ("one", "other", "empty")]
    for home in homes:
        configure(home, text)
    assert len({find(home, environ).identity for home in homes}) == 1
    for home in homes[:2]:
        write(home / ".config/gcloud/credentials.db", "")
    assert len({find(home, environ).identity for home in homes}) == 3


def test_a_directory_that_gcloud_has_made_for_the_metadata_server_is_as_none(tmp_path):
    write(tmp_path / ".config/gcloud/credentials.db", "")
    assert find(tmp_path, server=WORKER).identity == find(tmp_path / "none", server=WORKER).identity


def test_the_name_of_the_active_configuration_is_taken_as_it_is(tmp_path):
    configure(tmp_path, "[core]\naccount = me@example.com\n")
    write(tmp_path / ".config/gcloud/active_config", "default")
    assert find(tmp_path, server=WORKER).auth == "gcloud"
    write(tmp_path / ".config/gcloud/active_config", "default\n")
    assert find(tmp_path, server=WORKER).auth == "adc"


def serve(answer):
    listening = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listening.accept()
        connection.recv(4096)
        connection.sendall(answer)
        connection.close()

    threading.Thread(target=run, daemon=True).start()
    return {"GCE_METADATA_HOST": "{}:{}".format(*listening.getsockname())}


@pytest.mark.parametrize(
    ("answer", "email"),
    [
        (b"HTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\n\r\n" + WORKER.encode(), WORKER),
        (b"HTTP/1.1 200 OK\r\n\r\nsomebody else's page", ""),
        (b"HTTP/1.1 404 Not Found\r\nMetadata-Flavor: Google\r\n\r\nno account", ""),
    ],
)
def test_only_a_metadata_server_says_who_this_machine_is(answer, email):
    assert metadata.email(serve(answer)) == email


def test_a_metadata_server_that_answers_byte_by_byte_is_given_up(monkeypatch):
    monkeypatch.setattr(metadata, "KNOWN_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    given_up = threading.Event()

    def drip():
        while not given_up.wait(0.02):
            with suppress(OSError):
                theirs.send(b"x")

    def connect(_, seconds):
        ours.settimeout(seconds)
        return ours

    monkeypatch.setattr(metadata.socket, "create_connection", connect)
    monkeypatch.setattr(metadata, "ANSWER_BYTES", 200)
    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(metadata.NoAnswerError, match=r"^the metadata server metadata did not answer within 0.2 s$"):
        metadata.email({"GCE_METADATA_HOST": "metadata"})
    given_up.set()
    dripping.join()
    theirs.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"", "nothing"), (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 503 Service Unavailable")],
)
def test_a_metadata_server_that_answers_with_an_error_gives_no_account(answer, reason):
    with pytest.raises(metadata.NoAnswerError, match=f"answered {reason}$"):
        metadata.email(serve(answer))


def test_a_metadata_server_that_cannot_be_reached_is_no_answer_where_it_is_named():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for place in (f"127.0.0.1:{port}", "127.0.0.1:x"):
        with pytest.raises(metadata.NoAnswerError, match=rf"^the metadata server {place} did not answer \("):
            metadata.email({"GCE_METADATA_HOST": place})


def test_elsewhere_there_is_no_metadata_server(monkeypatch):
    monkeypatch.setattr(metadata, "_is_google", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(metadata, "ADDRESS", "127.0.0.1:{1}".format(*silent.getsockname()))
        assert metadata.email({}) == ""


def no_answer():
    raise metadata.NoAnswerError("no answer")


@pytest.mark.parametrize(
    ("how", "impersonated"), [("auto", ""), ("adc", ""), ("gcloud", ""), ("auto", "a@p.iam.gserviceaccount.com")]
)
def test_a_metadata_server_that_does_not_answer_is_an_error_only_without_another_account(tmp_path, how, impersonated):
    environ = {"HOME": str(tmp_path)}
    with pytest.raises(metadata.NoAnswerError):
        accounts.find(environ, how, impersonated, no_answer)
    key = {"GOOGLE_APPLICATION_CREDENTIALS": write(tmp_path / "key.json", {"type": "service_account"})}
    if how != "gcloud" and not impersonated:
        assert accounts.find(environ | key, how, impersonated, no_answer).auth == "adc"
    configure(tmp_path, "[core]\naccount = me@example.com\n")
    if how != "adc":
        assert accounts.find(environ, how, impersonated, no_answer).auth == "gcloud"


def test_a_token_is_kept_while_it_is_good_for_a_while(tmp_path):
    for expiry, good in (("2999-01-01T00:00:00Z", True), ("2020-01-01T00:00:00.5Z", False), (None, False)):
        write(tmp_path / cache.TOKEN, {"token_expiry": expiry})
        assert cache.has_token(tmp_path) is good
    write(tmp_path / cache.TOKEN, "")
    assert not cache.has_token(tmp_path)


def test_what_was_not_used_for_a_day_is_removed(tmp_path, monkeypatch):
    old, new, own = (cache.entry(tmp_path / "c", [name]) for name in ("old", "new", "own"))
    write(old / "kubeconfig", "x")
    foreign = [tmp_path / "c" / name for name in ("thesis", "A" * 32, "0" * 33)]
    for directory in foreign:
        directory.mkdir()
    now = cache.time.time()
    monkeypatch.setattr(cache.time, "time", lambda: now + 25 * 3600)
    cache.os.utime(new, (now + 25 * 3600, now + 25 * 3600))
    cache.sweep(own)
    assert not old.exists()
    assert all(directory.exists() for directory in (new, own, *foreign))


def test_an_entry_that_is_asked_for_is_in_use(tmp_path):
    place = cache.entry(tmp_path / "c", ["old"])
    cache.os.utime(place, (0, 0))
    other = cache.entry(tmp_path / "c", ["other"])
    assert cache.entry(tmp_path / "c", ["old"]) == place
    cache.sweep(other)
    assert place.exists()


def test_a_kubeconfig_that_leads_through_a_proxy_is_believed():
    assert kubeconfig_check.is_usable("    server: https://127.0.0.1:1", {"HTTPS_PROXY": "http://proxy"})
    assert not kubeconfig_check.is_usable("    server: https://127.0.0.1:1", {})
    assert not kubeconfig_check.is_usable("", {"HTTPS_PROXY": "http://proxy"})


WRITTEN = """users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
{}      command: gke-gcloud-auth-plugin
      provideClusterInfo: true
"""


@pytest.mark.parametrize("before", ["", "      args:\n      - --use_application_default_credentials\n      - --x\n"])
def test_the_plugin_has_exactly_the_arguments_that_it_is_given(before):
    new = plugin.with_arguments(WRITTEN.format(before), ["--a=b", "--c"])
    assert new == WRITTEN.format('      args:\n      - "--a=b"\n      - "--c"\n')


@pytest.mark.parametrize("text", ["", "    token: x\n", WRITTEN.format("") * 2])
def test_a_kubeconfig_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="has no user whose command is"):
        plugin.with_arguments(text, ["--a"])

import json
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gke_jobs import error_texts
from gke_jobs.error_texts import from_gcloud, from_kubectl
from gke_jobs.errors import (
    Answer,
    Verdict,
    classify,
    exit_code,
    explain_pod_creation_failure,
    from_http,
    from_status,
    sentence,
)

RECORDINGS = Path(__file__).parent / "errors"
ANSWERS = [
    pytest.param(recording["verdict"], answer, id=f"{file.stem}-{number}")
    for file in sorted(RECORDINGS.glob("*.json"))
    for recording in [json.loads(file.read_text())]
    for number, answer in enumerate(recording["answers"])
]
CONTROLS = ("Cc", "Zl", "Zp", "Cs")  # what ends a line, or steers a terminal
KLOG = "I1125 22:40:00.000000    4711 helpers.go:246] server response object: "


def meaning_of(answer):
    if answer["from"] == "event":
        return explain_pod_creation_failure(answer["message"])
    if answer["from"] == "watch":
        return classify(from_status(json.loads(answer["body"])["object"]))
    if answer["from"] == "http":
        return classify(from_http(answer["code"], answer["body"].encode(), answer["proxy_log"]))
    return classify({"kubectl": from_kubectl, "gcloud": from_gcloud}[answer["from"]](answer["stderr"]))


def the_one(case):
    """The meanings of all answers of a recording."""
    return [meaning_of(answer) for answer in json.loads((RECORDINGS / f"{case}.json").read_text())["answers"]]


def is_fit(meaning):
    texts = (meaning.message, meaning.advice, sentence(meaning))
    return all(text and not any(category(char) in CONTROLS for char in text) for text in texts)


def test_there_are_recordings_of_three_minor_versions():
    versions = {
        answer.values[1]["source"].split()[1].rsplit(".", 1)[0] for answer in ANSWERS if "kubectl" in str(answer)
    }
    assert len({version for version in versions if version.startswith("v1.")}) >= 3
    assert len(ANSWERS) > 500


@pytest.mark.parametrize(("verdict", "answer"), ANSWERS)
def test_the_verdict_on_a_recording(verdict, answer):
    meaning = meaning_of(answer)
    assert meaning.verdict.value == verdict
    assert is_fit(meaning)
    for noise in ("server response object", "proxy_server.go", '"apiVersion"', "<html"):
        assert noise not in meaning.message


@pytest.mark.parametrize(
    ("case", "phrases"),
    [
        ("rbac", ["permission denied: ", ' resource "jobs"', "ask for a Role with the verb "]),
        ("namespace_absent", ["namespace record-nowhere does not exist on this cluster: create it"]),
        ("token_invalid", ["not logged in: "]),
        ("manifest_invalid", ["the manifest was refused: ", "spec.template.spec.restartPolicy"]),
        ("field_unknown", ["the manifest was refused: ", 'unknown field "spec.template.spec.containers[0].imagee"']),
        ("webhook_denies", ["the manifest was refused: ", "no owner label; ask the platform team"]),
        ("server_trouble", ["the cluster did not answer as expected: "]),
        ("context_absent", ["context ", "nope", "; see: kubectl config get-contexts"]),
        ("plugin_absent", ["gke-gcloud-auth-plugin-absent is not on PATH: gcloud components install"]),
        ("plugin_not_logged_in", ["not logged in: ", "active account"]),
        ("plugin_real_metadata_server", ["no credentials are available: ", "503"]),
        ("plugin_real_token_server", ["no credentials are available: ", "wait until the cluster"]),
        ("reported_location_denied", ["there is no location europe-west44", ": correct --location"]),
        (
            "reported_api_disabled",
            ["the API ", ".googleapis.com is not enabled in project ", ": gcloud services enable "],
        ),
        ("gcloud_token_server", ["no credentials are available: ", "problem refreshing"]),
        (
            "reported_gcloud_metadata_silent",
            ["the metadata server does not answer: HTTP", "try again; if this persists"],
        ),
        ("too_large", ["the manifest was refused: "]),
        ("limit_range", ["a LimitRange denies it: ", "request what the LimitRange allows"]),
        ("limit_range_default_too_small", ["the manifest was refused: ", "must be less than or equal to memory limit"]),
        ("kubeconfig_broken", ["the kubeconfig cannot be used: ", "get new credentials: get-credentials"]),
        ("reported_permission_of_gke", ["permission denied: ", "ask for a Role with the verb create on jobs"]),
        ("plugin_metadata_server", ["no credentials are available: ", "503"]),
        ("other_authority", ["x509: certificate signed by unknown authority", "get new credentials"]),
        ("gcloud_cluster_absent", ["not found: compare with: gcloud container clusters list"]),
        ("gcloud_denied", ["permission denied: ", "grant this account roles/container.clusterViewer"]),
        ("gcloud_no_account", ["not logged in: run gcloud auth login, or give the machine a service account"]),
        (
            "storage_changed",
            ["another deployment has changed the object in the meantime: nothing has"],
        ),
        ("storage_bucket_absent", ["no such bucket: compare with: gcloud composer environments describe"]),
        ("storage_denied", ["permission denied: ", "grant this account roles/storage.objectUser"]),
    ],
)
def test_the_words_say_the_object_the_reason_and_the_fix(case, phrases):
    for meaning in the_one(case):
        for phrase in phrases:
            assert phrase in sentence(meaning)


def test_an_unknown_error_is_judged_by_its_status_code():
    def verdict(code):
        return classify(Answer(code=code, reason="", message="something new")).verdict

    assert {verdict(code) for code in (400, 405, 413, 415, 418, 422)} == {Verdict.REFUSED}
    assert {verdict(code) for code in (408, 429, 500, 501, 502, 503, 504, 599, None)} == {Verdict.TRANSIENT}
    assert (verdict(401), verdict(403), verdict(410)) == (Verdict.LOGIN, Verdict.DENIED, Verdict.EXPIRED)


def test_a_404_that_names_no_object_does_not_say_that_the_object_is_gone():
    status = {"reason": "NotFound", "code": 404}
    for message in ("the server could not find the requested resource", "404 page not found", ""):
        assert classify(from_status({**status, "message": message})).verdict is Verdict.TRANSIENT
    assert classify(from_status({**status, "message": 'pods "x" not found'})).verdict is Verdict.ABSENT


def test_a_right_for_all_namespaces_is_one_of_a_cluster_role():
    message = 'pods is forbidden: User "a@b" cannot list resource "pods" in API group "" '
    advice = {
        where: classify(from_status({"reason": "Forbidden", "code": 403, "message": message + where})).advice
        for where in ("at the cluster scope", 'in the namespace "ml"')
    }
    assert advice == {
        "at the cluster scope": "ask for a ClusterRole with the verb list on pods, bound for all namespaces",
        'in the namespace "ml"': "ask for a Role with the verb list on pods in that namespace",
    }


def test_a_message_cannot_imitate_the_status_that_kubectl_logs():
    false = KLOG + json.dumps({"kind": "Status", "message": 'jobs.batch "train" already exists', "code": 409})
    for text in (
        f'The Job "x" is invalid: it is:\n{false}\n',
        f"Error from server (BadRequest): it is:\n{false}\n",
        f"Warning: {false}\nerror: it is:\n{false}",
        f'{KLOG}{{"message": "bad\\n{json.dumps(false)[1:-1]}", "code": 400, "reason": "BadRequest"}}\n',
    ):
        assert classify(from_kubectl(text)).verdict is not Verdict.EXISTS


def test_a_status_cannot_pass_for_an_answer_to_gcloud():
    status = {"reason": "gcloud container", "code": 404, "message": 'jobs.batch "x" not found'}
    assert classify(from_status(status)).verdict is Verdict.ABSENT


def test_only_the_last_words_of_the_plugin_count():
    line = (
        "E1125 22:40:00.000000    4711 proxy_server.go:147] Error while proxying request: getting credentials: exec\n"
    )
    body = b"getting credentials: exec: executable plugin failed with exit code 1"
    old, new = "You do not currently have an active account\n", "HTTP Error 503: Service Unavailable\n"
    for log, verdict in ((old + line + new + line, "transient"), (new + line + old, "login"), ("", "login")):
        assert classify(from_http(500, body, log)).verdict.value == verdict
    assert "active account" not in classify(from_http(500, b"EOF", old + line)).message


def test_a_place_to_fill_in_a_message_is_only_text():
    status = {"message": 'namespaces "{0}{1}" not found', "code": 404}
    assert "namespace {0}{1} does not exist" in classify(from_status(status)).message


def test_words_that_a_message_quotes_do_not_decide():
    def verdicts(code, message):
        status = {"code": code, "message": message}
        kubectl = KLOG + json.dumps(status) + f"\nError from server: {message}\n"
        return {classify(from_status(status)).verdict, classify(from_kubectl(kubectl)).verdict}

    quotes = [
        *('pods "x" not found', 'namespaces "x" not found', 'jobs.batch "x" already exists', "exceeded quota: x"),
        *('admission webhook "x" denied the request', 'pods "x" is forbidden: exceeded quota: y', "x509: unknown"),
        *('context "x" does not exist', "getting credentials: exec: executable x not found", "You must be logged in"),
    ]
    for quote in quotes:
        called = f'Internal error occurred: failed calling webhook "a": failed to call webhook: ("{quote}")'
        assert verdicts(500, called) == {Verdict.TRANSIENT}
        assert verdicts(503, f"upstream: {quote}") == {Verdict.TRANSIENT}
        assert verdicts(404, f"<p>{quote}</p>") == {Verdict.TRANSIENT}
        assert verdicts(403, f'admission webhook "a" denied the request: {quote}') == {Verdict.REFUSED}
        assert verdicts(403, f'jobs.batch is forbidden: User "a" cannot list resource "jobs": {quote}') == {
            Verdict.DENIED
        }
        assert verdicts(422, f'Job.batch "a" is invalid: spec: Invalid value: "{quote}"') == {Verdict.REFUSED}
        assert explain_pod_creation_failure(f'Error creating: Pod "a" is invalid: "{quote}"').verdict is Verdict.REFUSED


def test_a_reason_that_a_webhook_chooses_is_no_answer_to_gcloud():
    denied = 'Error from server (gcloud storage): admission webhook "x" denied the request: 404\n'
    assert classify(from_kubectl(denied)).verdict is Verdict.REFUSED


def test_the_process_number_of_the_plugin_is_no_status_code():
    log = "F1126 00:00:00.000000     503 cred.go:145] print credential failed with error: no token\n"
    assert classify(from_http(500, b"getting credentials: exec: exit code 1", log)).verdict is Verdict.LOGIN
    stderr = f"{log}Unable to connect to the server: getting credentials: exec: exit code 1\n"
    assert classify(from_kubectl(stderr)).verdict is Verdict.LOGIN


def test_every_verdict_has_an_exit_code():
    assert {exit_code(verdict) for verdict in Verdict} <= {64, 65, 69, 77, 78, 124}


PIECES = st.sampled_from(
    [
        *(
            part
            for answer in ANSWERS[::20]
            for part in (answer.values[1].get("stderr") or "").splitlines(keepends=True)
        ),
        *(KLOG, "%s[", "{", "}", "]\n", "Error from server (", "Forbidden", "): ", 'cannot get resource "', "\x1b[31m"),
        *("::endgroup::", "\n", "getting credentials: exec: ", "Unable to connect to the server: ", "\u2028", "\ud800"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=5))).map("".join))
JSONS = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXTS, st.lists, max_leaves=3)


@given(TEXTS)
@example(KLOG + "[" * 100_000)
@example(KLOG + "%s[" + '{"a":' * 100_000)
@example("admission webhook " * 1200)
@example("maximum cannot " * 1500)
def test_any_text_has_a_meaning_of_one_line(text):
    for meaning in (classify(from_kubectl(text)), classify(from_gcloud(text)), explain_pod_creation_failure(text)):
        assert is_fit(meaning)


@given(st.integers(100, 599), st.one_of(st.binary(), TEXTS.map(lambda text: text.encode(errors="replace"))), TEXTS)
@example(500, b"[" * 100_000, "")
def test_any_answer_has_a_meaning_of_one_line(code, body, log):
    assert is_fit(classify(from_http(code, body, log)))


@given(st.dictionaries(st.sampled_from(["code", "reason", "message", "details"]), JSONS))
def test_any_status_has_a_meaning_of_one_line(status):
    assert is_fit(classify(from_status(status)))
    assert is_fit(classify(from_http(500, json.dumps({"kind": "Status", **status}).encode())))


def explain(monkeypatch, capsys, file, *options):
    arguments = ["explain-error", "--for", "create Job x", "--from", "kubectl", "--file", str(file), *options]
    monkeypatch.setattr("sys.argv", arguments)
    assert error_texts.main() == 0
    return capsys.readouterr()


def test_explain_error_logs_one_line_and_prints_one_word(tmp_path, monkeypatch, capsys):
    stderr, places = tmp_path / "stderr", tmp_path / "places"
    stderr.write_text('The Job "x" is invalid: spec.backoffLimit: Invalid value: -1: must be greater than 0\n')
    places.write_text(json.dumps([["Job", ["spec", "backoffLimit"], "batch-job.yaml.j2 line 7"]]))
    said = explain(monkeypatch, capsys, stderr, "--places", str(places))
    assert said.out == "refused\n"
    assert "cannot create Job x: the manifest was refused: The Job" in said.err
    assert said.err.endswith("; correct the template or its values: spec.backoffLimit is in batch-job.yaml.j2 line 7\n")
    assert said.err.count("\n") == 1


def test_explain_error_reads_begin_and_end_of_an_endless_stderr(tmp_path, monkeypatch, capsys):
    stderr = tmp_path / "stderr"
    status = json.dumps({"message": "etcdserver: leader changed", "code": 500})
    stderr.write_text(f"{KLOG}{status}\n" + "x" * 4_000_000)
    said = explain(monkeypatch, capsys, stderr)
    assert (said.out, len(said.err) < 2000) == ("transient\n", True)


@pytest.mark.parametrize("places", ["", "{}", "[1]", "[[[", None])
def test_explain_error_does_without_what_it_cannot_read(tmp_path, monkeypatch, capsys, places):
    stderr, file = tmp_path / "stderr", tmp_path / "places"
    stderr.write_text('The Job "x" is invalid: spec.backoffLimit: Invalid value: -1\n')
    if places is not None:
        file.write_text(places)
    assert explain(monkeypatch, capsys, stderr, "--places", str(file)).out == "refused\n"
    assert explain(monkeypatch, capsys, tmp_path / "none").out == "transient\n"


def test_the_group_of_the_command_decides_if_the_error_of_gcloud_names_none():
    said = "ERROR: [None] does not have permission to access b instance [prod] (or it may not exist): no"
    assert "roles/storage.objectUser" in classify(from_gcloud(said, "storage")).advice
    assert "roles/container.clusterViewer" in classify(from_gcloud(said)).advice


@pytest.mark.parametrize(
    ("api", "project", "is_named"),
    [("container.x", "ml", True), ("--flags", "ml", False), ("container.x", "--x", False)],
)
def test_an_option_in_the_text_of_gcloud_does_not_become_part_of_a_command(api, project, is_named):
    url = f"https://console.developers.google.com/apis/api/{api}/overview?project={project}"
    text = f"ERROR: (gcloud.container) HTTPError 403: The API has not been used in project {project}. Visit {url} then"
    assert ("gcloud services enable" in sentence(classify(from_gcloud(text)))) == is_named

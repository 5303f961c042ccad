"""Checks the requirements of a Job, for check-setup.

command.py check-setup --templates DIR --directory DIR [--namespace NAME] [--credentials FILE] ... -- KUBECTL-WORD...

--directory is for temporary files; --credentials, for a GKE cluster, is a file with the error of get-credentials, or
empty; KUBECTL-WORD... starts each call of kubectl. The other options are those of check-setup.

stdout: the findings, as text or one line of JSON; exit code 0, or 1 if a check has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gke_jobs import exit_codes
from gke_jobs.access.metadata import NoAnswerError
from gke_jobs.caller import tell_caller
from gke_jobs.json_access import Json
from gke_jobs.messages import WARNING, log
from gke_jobs.plain_text import json_line
from gke_jobs.preflight import account, credentials, finding, tools, worker
from gke_jobs.preflight.cluster import Cluster
from gke_jobs.preflight.finding import Finding, failed
from gke_jobs.preflight.manifests import Manifests, Request, render_all
from gke_jobs.preflight.programs import Kubectl
from gke_jobs.programs import run

OTHER_CONTEXT = (
    "fixes with kubectl change the cluster of kubectl's current context: first get credentials for this cluster, as "
    "one of its administrators; templates/access/README.md, step 4"
)


def main() -> int:
    """Run the command."""
    options = _options()
    findings: list[Finding] = []
    for found in _check_all(options):
        findings.append(found)
        if not options.json:
            level = "" if found.state == finding.OK else WARNING
            sys.stdout.write("".join(f"{level}{line}\n" for line in finding.lines(found)))
            sys.stdout.flush()
    if options.json:
        print(json_line(finding.to_json(findings)))
    tell_caller("findings.json", json_line({"findings": finding.to_json(findings)}))
    if options.credentials and finding.has_kubectl_fix(findings):
        log(OTHER_CONTEXT, WARNING)
    log(finding.summary(findings))
    return exit_codes.JOB_FAILED if any(found.state == finding.FAILED for found in findings) else exit_codes.SUCCEEDED


def _options() -> Any:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("templates", "directory"):
        parser.add_argument(f"--{name}", required=True)
    of_cluster = ("namespace", "credentials", "project", "location", "cluster")
    for name in (*of_cluster, "template", "values", "profiles", "profile"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--auth", default="auto")
    parser.add_argument("--impersonate-service-account", dest="impersonated", default="")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--worker-slots", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("kubectl", nargs="+")
    return parser.parse_args()


def _check_all(options: Any) -> Iterator[Finding]:
    """Yield the findings, each as soon as it is known. Checks that need a failed one are left out."""
    of_tools = tools.check(bool(options.credentials))
    yield from of_tools
    yield worker.check_space(options.directory)
    if options.worker_slots:
        yield worker.check_memory(worker.memory_limit(), options.worker_slots)
    kubectl = Kubectl(words=options.kubectl)
    namespace = options.namespace or kubectl.namespace() or "default"
    missing = {found.check for found in of_tools if found.state == finding.FAILED}
    made = Manifests(jobs={}, pods={}, findings=())
    if "python" not in missing:
        made = render_all(
            Request(
                templates=Path(options.templates),
                name=f"check-setup-{secrets.token_hex(4)}",
                namespace=namespace,
                template=options.template,
                values=options.values,
                settings=options.settings,
                profiles_file=options.profiles,
                profiles=[name for name in options.profile.split(",") if name],
            )
        )
    yield from made.findings
    described: Json = None
    name = ""
    if options.credentials:
        try:
            found_account = account.find(os.environ, options.auth, options.impersonated)
        except NoAnswerError as error:
            yield failed("account", str(error), error.fix)
            return
        if "gcloud" not in missing:
            name = account.name(found_account, os.environ)
            who = account.evaluate(found_account, name, os.environ, options.impersonated)
            yield who
            if who.state == finding.FAILED:
                return
            described = _describe(options, found_account.settings)
        if output := Path(options.credentials).read_text(errors="replace").strip():
            request = credentials.Request(
                project=options.project,
                location=options.location,
                cluster=options.cluster,
                impersonated=options.impersonated,
                account=name,
            )
            yield credentials.evaluate(output.splitlines()[-1].partition(": ")[2], request)
            return
    if not missing & {"kubectl", "plugin"}:
        role = Path(options.templates, "role.yaml") if "python" not in missing else None
        yield from Cluster(kubectl, namespace, made, described).check(role)


def _describe(options: Any, settings: dict[str, str]) -> Json:
    """Return the cluster from the GKE API, None if it cannot be read."""
    if not options.cluster:
        return None
    words = ["gcloud", "container", "clusters", "describe", options.cluster, "--location", options.location]
    words += ["--project", options.project, "--format", "json"]
    words += ["--impersonate-service-account", options.impersonated] if options.impersonated else []
    done = run(words, environ=settings)
    try:
        return json.loads(done.stdout) if done.status == 0 else None
    except (ValueError, RecursionError):
        return None

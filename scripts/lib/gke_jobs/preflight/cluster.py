"""The checks with requests to the cluster: from its endpoint to the nodes of each profile."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from gke_jobs.connection import jobs_path
from gke_jobs.errors import ApiError, Meaning, Verdict, classify
from gke_jobs.json_access import Json, at, list_at, text_at
from gke_jobs.preflight import account, endpoint, namespace, nodes, pools, queue, rights, tools
from gke_jobs.preflight.finding import FAILED, Finding, failed, ok, warning
from gke_jobs.preflight.manifests import Manifests, pod_of
from gke_jobs.preflight.pod_resources import with_defaults
from gke_jobs.preflight.programs import Kubectl, is_absent

AT_ONCE = 4  # requests
POLICY = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/gke-job"
PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
NOT_READ = "for a whole check grant the rights of templates/access/check.yaml: templates/access/README.md, step 4"


@dataclass(frozen=True)
class Cluster:
    """One cluster and namespace. described: the cluster in the GKE API, None if not known."""

    kubectl: Kubectl
    namespace: str
    made: Manifests
    described: Json

    def check(self, role: Path | None) -> Iterator[Finding]:
        """Yield the findings; leave out those that would only repeat a failed one.

        role: the file of the Role with the rights that the scripts need, None if YAML cannot be read
        """
        is_reached = False
        for found in self._check_endpoint():
            yield found
            is_reached = is_reached or (found.check == "endpoint" and found.state != FAILED)
        if not is_reached:
            return
        user, found = account.check_user(self.kubectl)
        yield found
        if found.state == FAILED:
            return
        version = self._read("/version")
        if not isinstance(version, Meaning):
            yield tools.skew(text_at(version, "gitVersion"))
        if role is not None:
            yield from self._check_rights(role, user)
        ranges = self._items(f"/api/v1/namespaces/{self.namespace}/limitranges")
        pods = {
            what: with_defaults(pod, [] if isinstance(ranges, Meaning) else ranges)
            for what, pod in self.made.pods.items()
        }
        yield from self._check_namespace(ranges, pods)
        for name in queue.names(self.made.jobs):
            yield queue.check(self.kubectl, self.namespace, name)
        yield self._check_policy()
        yield from self._check_nodes(pods)

    def _read(self, path: str) -> Json | Meaning:
        """Return the JSON at a path, or the meaning of the error."""
        try:
            return self.kubectl.get(path)
        except ApiError as error:
            return classify(error.answer)

    def _check_endpoint(self) -> Iterator[Finding]:
        try:
            place = endpoint.read(self.kubectl.config(), os.environ)
        except ApiError as error:
            meaning = classify(error.answer)
            yield failed("cluster", f"no kubeconfig: {meaning.message}", meaning.advice)
            return
        if place is None:
            fix = "name the cluster: --project, --location and --cluster, or --context"
            yield failed("cluster", "the kubeconfig names no API server", fix)
            return
        if place.proxy:
            yield endpoint.evaluate_proxy(place)
            return
        found = endpoint.probe(place)
        now = datetime.now(timezone.utc)
        yield endpoint.evaluate(place, found, self.described)
        if clock := endpoint.evaluate_clock(found, now):
            yield clock

    def _check_rights(self, role: Path, user: str) -> Iterator[Finding]:
        import yaml  # PyYAML may be missing

        asked = rights.of_role(yaml.safe_load(role.read_text()))
        try:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                answers = dict(zip(asked, threads.map(self._is_allowed, asked), strict=True))
        except ApiError as error:
            meaning = classify(error.answer)
            yield failed("rights", f"cannot be checked: {meaning.message}", meaning.advice)
            return
        yield from rights.evaluate(answers, self.namespace, user)

    def _is_allowed(self, right: rights.Right) -> bool:
        review = self.kubectl.create(rights.REVIEWS, rights.review(right, self.namespace))
        return at(review, "status", "allowed") is True

    def _check_namespace(self, ranges: list[Json] | Meaning, pods: Mapping[str, Json]) -> Iterator[Finding]:
        accepted = []
        for name, job in self.made.jobs.items():
            refusal = self._refusal(job)
            if refusal is None:
                accepted.append(name)
            elif refusal.verdict is Verdict.QUOTA:
                yield warning("job", f"a Job of {name} must wait: {refusal.message}", refusal.advice)
            elif refusal.verdict is not Verdict.DENIED:  # the check `rights` reports these
                is_missing = refusal.verdict in (Verdict.CONFIG, Verdict.ABSENT)  # the namespace is missing
                fix = f"kubectl create namespace {self.namespace}, or templates/access/README.md, step 4"
                words = f"the cluster refuses a Job of {name}: {refusal.message}"
                yield failed("job", words, fix if is_missing else refusal.advice)
                if is_missing:
                    return
        if accepted:
            yield ok("job", f"the cluster would create Jobs of {', '.join(accepted)} in namespace {self.namespace}")
        yield from self._check_named_objects()
        yield self._check_level()
        yield from self._check_amounts(ranges, pods)

    def _refusal(self, job: Json) -> Meaning | None:
        """Return why the API server would not create a Job; None if it would."""
        try:
            self.kubectl.create(f"{jobs_path(self.namespace)}?dryRun=All&fieldValidation=Strict", job)
        except ApiError as error:
            return classify(error.answer)
        return None

    def _check_named_objects(self) -> Iterator[Finding]:
        """Check that the ServiceAccounts and PriorityClasses in the Jobs exist."""
        place = f"namespace {self.namespace}"
        for name in self._named("serviceAccountName"):
            path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{quote(name, safe='')}"
            fix = f"kubectl create serviceaccount {shlex.quote(name)} --namespace {self.namespace}"
            yield self._check_named("identity", path, f"{place} has {{}} ServiceAccount {name}", fix)
        for name in self._named("priorityClassName"):
            path = f"{PRIORITIES}/{quote(name, safe='')}"
            fix = (
                f"kubectl create priorityclass {shlex.quote(name)} --value NUMBER, or name another one: "
                "kubectl get priorityclasses lists the existing ones"
            )
            yield self._check_named("priority", path, f"the cluster has {{}} PriorityClass {name}", fix)

    def _named(self, field: str) -> list[str]:
        return sorted({text_at(pod_of(job), field) for job in self.made.jobs.values()} - {""})

    def _check_named(self, check: str, path: str, words: str, fix: str) -> Finding:
        """Return the finding whether an object that the Pods need exists. words: with {} for `the` or `no`."""
        found = self._read(path)
        if not isinstance(found, Meaning):
            return ok(check, words.format("the"))
        if found.verdict is Verdict.ABSENT:
            return failed(check, f"{words.format('no')}: no Pod is created", fix)
        return warning(check, f"cannot check whether {words.format('the')}: {found.message}", NOT_READ)

    def _check_level(self) -> Finding:
        found = self._read(f"/api/v1/namespaces/{self.namespace}")
        if isinstance(found, Meaning):
            return warning("security", f"the Pod Security level is not known: {found.message}", NOT_READ)
        return namespace.evaluate_level(found, {name: pod_of(job) for name, job in self.made.jobs.items()})

    def _check_amounts(self, ranges: list[Json] | Meaning, pods: Mapping[str, Json]) -> Iterator[Finding]:
        quotas = self._items(f"/api/v1/namespaces/{self.namespace}/resourcequotas")
        if isinstance(quotas, Meaning):
            yield warning("quota", f"quotas are not known: {quotas.message}", NOT_READ)
        if isinstance(ranges, Meaning):
            yield warning("limits", f"LimitRanges are not known: {ranges.message}", NOT_READ)
        else:
            yield from namespace.evaluate_limits(ranges, pods)
        if not isinstance(quotas, Meaning):
            yield from namespace.evaluate_quotas(quotas, pods)

    def _items(self, path: str) -> list[Json] | Meaning:
        found = self._read(path)
        return found if isinstance(found, Meaning) else list_at(found, "items")

    def _check_policy(self) -> Finding:
        try:
            self.kubectl.get(POLICY)
        except ApiError as error:
            if is_absent(error):
                words = (
                    "templates/policy.yaml is not installed: everyone who can create Jobs in the namespace is trusted"
                )
                return ok("policy", words)
            words = f"cannot check whether templates/policy.yaml is installed: {classify(error.answer).message}"
            return warning("policy", words, NOT_READ)
        return ok("policy", "templates/policy.yaml is installed")

    def _check_nodes(self, pods: Mapping[str, Json]) -> Iterator[Finding]:
        found: list[Json] = []
        try:
            found = nodes.read(self.kubectl, pools.labels_asked_for(pods.values()))
        except ApiError as error:
            yield warning("nodes", f"nodes are not known: {classify(error.answer).message}", NOT_READ)
        if self.described or found:
            known = pools.of_cluster(self.described, found) if self.described else pools.of_nodes(found)
            yield from pools.evaluate(known, pods, self.described)

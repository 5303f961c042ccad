"""The checks that ask the cluster: from its endpoint to the nodes of each profile."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from gke_jobs.connection import jobs_path
from gke_jobs.errors import ApiError, Meaning, Verdict, classify
from gke_jobs.json_access import Json, at, list_at, text_at
from gke_jobs.preflight import account, endpoint, namespace, pools, queue, rights, tools
from gke_jobs.preflight.finding import FAILED, Finding, failed, ok, warning
from gke_jobs.preflight.manifests import Manifests, pod_of
from gke_jobs.preflight.programs import Kubectl, is_absent

AT_ONCE = 4  # requests
POLICY = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/gke-job"
NOT_READ = "for a whole check grant the rights of templates/access/check.yaml"


@dataclass(frozen=True)
class Cluster:
    """One cluster and namespace. described: what the GKE API says about it, None where that is not known."""

    kubectl: Kubectl
    namespace: str
    made: Manifests
    described: Json

    def check(self, role: Path | None) -> Iterator[Finding]:
        """Yield the findings; those that follow a failed one are left out where they would only repeat it.

        role: the file of the Role with the rights that the scripts need, None where YAML cannot be read
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
        yield from self._check_namespace()
        for name in queue.names(self.made.jobs):
            yield queue.check(self.kubectl, self.namespace, name)
        yield self._check_policy()
        yield from self._check_nodes()

    def _read(self, path: str) -> Json | Meaning:
        """Return the JSON at a path, or what the error means."""
        try:
            return self.kubectl.get(path)
        except ApiError as error:
            return classify(error.answer)

    def _check_endpoint(self) -> Iterator[Finding]:
        try:
            place = endpoint.read(self.kubectl.config(), os.environ)
        except ApiError as error:
            meaning = classify(error.answer)
            yield failed("cluster", f"no kubeconfig: {meaning.words}", meaning.advice)
            return
        if place is None:
            fix = "name the cluster: --project, --location and --cluster, or --context"
            yield failed("cluster", "the kubeconfig names no API server", fix)
            return
        if place.proxy:
            yield endpoint.judge_proxy(place)
            return
        found = endpoint.probe(place)
        now = datetime.now(timezone.utc)
        yield endpoint.judge(place, found, self.described)
        if clock := endpoint.judge_clock(found, now):
            yield clock

    def _check_rights(self, role: Path, user: str) -> Iterator[Finding]:
        import yaml  # which a Python may lack

        asked = rights.of_role(yaml.safe_load(role.read_text()))
        try:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                answers = dict(zip(asked, threads.map(self._is_allowed, asked), strict=True))
        except ApiError as error:
            meaning = classify(error.answer)
            yield failed("rights", f"cannot be asked for: {meaning.words}", meaning.advice)
            return
        yield from rights.judge(answers, self.namespace, user)

    def _is_allowed(self, right: rights.Right) -> bool:
        review = self.kubectl.create(rights.REVIEWS, rights.review(right, self.namespace))
        return at(review, "status", "allowed") is True

    def _check_namespace(self) -> Iterator[Finding]:
        accepted = []
        for name, job in self.made.jobs.items():
            refusal = self._refusal(job)
            if refusal is None:
                accepted.append(name)
            elif refusal.verdict is Verdict.QUOTA:
                yield warning("job", f"a Job of {name} has to wait: {refusal.words}", refusal.advice)
            elif refusal.verdict is not Verdict.DENIED:  # which `rights` has
                is_missing = refusal.verdict in (Verdict.CONFIG, Verdict.ABSENT)  # the namespace
                fix = f"kubectl create namespace {self.namespace}, or templates/access/README.md, step 4"
                words = f"the cluster refuses a Job of {name}: {refusal.words}"
                yield failed("job", words, fix if is_missing else refusal.advice)
                if is_missing:
                    return
        if accepted:
            yield ok("job", f"the cluster would create Jobs of {', '.join(accepted)} in namespace {self.namespace}")
        yield from self._check_service_accounts()
        yield self._check_level()
        yield from self._check_amounts()

    def _refusal(self, job: Json) -> Meaning | None:
        """Return why the API server would not create a Job; None when it would."""
        try:
            self.kubectl.create(f"{jobs_path(self.namespace)}?dryRun=All&fieldValidation=Strict", job)
        except ApiError as error:
            return classify(error.answer)
        return None

    def _check_service_accounts(self) -> Iterator[Finding]:
        for name in sorted({text_at(pod_of(job), "serviceAccountName") for job in self.made.jobs.values()} - {""}):
            found = self._read(f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{quote(name, safe='')}")
            if not isinstance(found, Meaning):
                yield ok("identity", f"namespace {self.namespace} has the ServiceAccount {name} of the Pods")
            elif found.verdict is Verdict.ABSENT:
                fix = f"kubectl create serviceaccount {shlex.quote(name)} --namespace {self.namespace}"
                yield failed("identity", f"namespace {self.namespace} has no ServiceAccount {name}: no Pod starts", fix)
            else:
                yield warning(
                    "identity", f"whether ServiceAccount {name} is there is not known: {found.words}", NOT_READ
                )

    def _check_level(self) -> Finding:
        found = self._read(f"/api/v1/namespaces/{self.namespace}")
        if isinstance(found, Meaning):
            return warning("security", f"the Pod Security level is not known: {found.words}", NOT_READ)
        return namespace.judge_level(found, {name: pod_of(job) for name, job in self.made.jobs.items()})

    def _check_amounts(self) -> Iterator[Finding]:
        path = f"/api/v1/namespaces/{self.namespace}"
        quotas, ranges = self._items(f"{path}/resourcequotas"), self._items(f"{path}/limitranges")
        if isinstance(quotas, Meaning):
            yield warning("quota", f"quotas are not known: {quotas.words}", NOT_READ)
        if isinstance(ranges, Meaning):
            yield warning("limits", f"LimitRanges are not known: {ranges.words}", NOT_READ)
            ranges = []
        else:
            yield from namespace.judge_limits(ranges, self.made.pods)
        if not isinstance(quotas, Meaning):
            yield from namespace.judge_quotas(quotas, ranges, self.made.pods)

    def _items(self, path: str) -> list[Json] | Meaning:
        found = self._read(path)
        return found if isinstance(found, Meaning) else list_at(found, "items")

    def _check_policy(self) -> Finding:
        try:
            self.kubectl.get(POLICY)
        except ApiError as error:
            if is_absent(error):
                words = "templates/policy.yaml is not installed: all who may create Jobs in the namespace are trusted"
                return ok("policy", words)
            words = f"templates/policy.yaml is installed or not: {classify(error.answer).words}"
            return warning("policy", words, NOT_READ)
        return ok("policy", "templates/policy.yaml is installed")

    def _check_nodes(self) -> Iterator[Finding]:
        nodes = self._items("/api/v1/nodes")
        if isinstance(nodes, Meaning):
            yield warning("nodes", f"nodes are not known: {nodes.words}", NOT_READ)
            nodes = []
        if self.described or nodes:
            known = pools.of_cluster(self.described, nodes) if self.described else pools.of_nodes(nodes)
            yield from pools.judge(known, self.made.pods, self.described)

"""Advice for known causes: the first rule of a topic that the facts or events of a Job or Pod match.

Patterns that quote GKE come from its cluster autoscaler (event FailedScaleUp) and from messages of the kubelet and
registries. A topic has the rules for one phase of a Pod, so that a past problem gives no advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from gke_jobs.plain_text import is_name

INFRASTRUCTURE = (
    "the program did not fail: run the Job again; with a podFailurePolicy that ignores DisruptionTarget, such a "
    "disruption does not count as a retry"
)


@dataclass(frozen=True)
class Rule:
    """Advice for texts that match `pattern`; it may quote the groups of the pattern.

    command: for users to paste, added only if each group is the name of an object (DNS-1123)
    """

    pattern: str
    advice: str
    command: str = ""

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.DOTALL)

    def advise(self, text: str) -> str | None:
        """Return the advice for facts, which have a line each; None if they do not match."""
        match = self._regex.search(text)
        if not match:
            return None
        advice = match.expand(self.advice)
        return advice + match.expand(self.command) if self.command and all(map(is_name, match.groups())) else advice


JOB = (
    Rule(
        r"DeadlineExceeded[^\n]*\n.*got no nodes within (\d+) s",
        r"run the Job again with --fallback, which uses the fallback of its profile, or allow more than \1 s "
        "(--schedule-timeout)",
    ),
    Rule(
        r"DeadlineExceeded[^\n]*\n.*activeDeadlineSeconds (\d+)",
        r"allow more than \1 s (`deadline_seconds`), or make the program faster",
    ),
    Rule(
        r"Kueue's queue (\S+)",
        "it starts when Kueue admits it: kubectl get workloads",
        r", kubectl describe localqueue \1",
    ),
    Rule(
        r"Job (\S+) is suspended",
        "resume it",
        r""" with: kubectl patch job \1 --patch '{"spec": {"suspend": false}}'""",
    ),
)
# Why Kueue does not admit a Job (kueue.reasons). The quotations are from its scheduler and workload controller.
QUEUE = (
    Rule(r"is it installed\?", "install Kueue, or leave out `queue`: nothing else resumes the Job"),
    Rule(
        r"has not created a Workload",
        "if this persists, the Job names a PriorityClass (`priority_class`) or a WorkloadPriorityClass that does not "
        "exist, or Kueue does not run: its log has the reason",
    ),
    Rule(r"LocalQueue (\S+) doesn't exist", r"create the LocalQueue \1 in the Job's namespace, or correct `queue`"),
    Rule(
        r"((?:Local|Cluster)Queue \S+) (?:is inactive|is stopped|is terminating or missing|doesn't exist)",
        r"\1 admits no Jobs: ask the administrators of Kueue, or set another `queue`",
    ),
    Rule(r"deactivated", "resume it: set spec.active of its Workload to true, or delete the Job and run it again"),
    Rule(
        r"resource (\S+) unavailable in ClusterQueue",
        r"the ClusterQueue has no quota for \1: do not request it (`resources`), have a quota added, or set another "
        "`queue`",
    ),
    Rule(
        r"> maximum capacity",
        "the request exceeds the quota of the queue: request less (`resources`), run fewer Pods at once, or have the "
        "quota of its ClusterQueue raised",
    ),
    Rule(
        r"insufficient (?:unused )?quota for (\S+) in flavor",
        r"it starts when other Jobs of its ClusterQueue release \1: wait, request less (`resources`), or have the "
        "quota raised",
    ),
    Rule(
        r"(?:doesn't match node affinity|untolerated taint)",
        "no ResourceFlavor of the queue has the nodes that it asks for: compare --profile with: kubectl get "
        "resourceflavors --output yaml",
    ),
)
GONE = (
    Rule(
        r"of its Pods (?:is|are) gone, [^:]*: ([^\s,]+)",
        "on GKE the log may be in Cloud Logging",
        r""": gcloud logging read 'resource.labels.pod_name="\1"'""",
    ),
)
# The value of a template that names an object, by the kind of the object.
NAMED_IN = {
    "secret": "`secret_env`, `secret_files` or `env_from`",
    "configmap": "`config_files` or `env_from`",
    "service ?account": "`service_account`",
    "persistentvolumeclaim": "`volumes`",
}
MISSING = tuple(
    Rule(
        rf"({kind}) \"([^\"]+)\" not found",
        rf"create the \1 \2 in the Job's namespace, or correct its name: {values}, or the template",
    )
    for kind, values in NAMED_IN.items()
)
MISSING_KEY = tuple(
    Rule(pattern, rf"add the key \1 to the {kind}, or correct its name: {values}, or the template")
    for pattern, kind, values in (
        (r"couldn't find key (\S+) in Secret (\S+)", r"Secret \2", "`secret_env`"),
        (r"couldn't find key (\S+) in ConfigMap (\S+)", r"ConfigMap \2", "`container`, with env"),
        (r"references non-existent secret key: ([^\s,]+)", "Secret of the volume", "`volumes`"),
        (r"references non-existent config key: ([^\s,]+)", "ConfigMap of the volume", "`volumes`"),
    )
)
# Why the Job controller cannot create Pods.
CREATION = (
    *MISSING,
    Rule(r"violates PodSecurity", "give the template the fields that the message names, as the shipped templates have"),
    Rule(r"exceeded quota", "wait for other Jobs to end, request less (`resources`), or have the ResourceQuota raised"),
)
# Why no node pool helps, by the last message of the autoscaler.
NO_POOL = (
    Rule(
        r"^NotTriggerScaleUp: (?!.*(?:max node group size|max cluster|backoff)).*Insufficient (\S+[^\s.,])",
        r"no node pool that fits the Pod has nodes with enough \1: request less (`resources`), or use "
        "another --profile",
    ),
)
# Why a Pod waits for a node.
NODE = (
    Rule(
        r"GCE quota exceeded",
        "have the project's Compute Engine quota raised in this region, or use another --profile",
    ),
    Rule(
        r"GCE out of resources",
        "the zone has no capacity for these machines now; GKE retries; otherwise use another "
        "machine type, zone or --profile",
    ),
    Rule(r"IP space exhausted", "the cluster's network has no free addresses for more nodes or Pods: have it enlarged"),
    Rule(
        r"max node group size reached",
        "a node pool that fits has reached its maximum size: wait, or have its maximum raised",
    ),
    Rule(r"TriggeredScaleUp", "a node is being created: wait"),
    Rule(
        r"Insufficient (\S+[^\s.,])",
        r"no node has enough free \1: wait, request less (`resources`), or use another --profile",
    ),
    # A node with a taint that is not tolerated may be of another pool: the scheduler checks taints first.
    Rule(
        r"(?:untolerated taint|had taint).*its node must have (the label|all of the labels) ([^\n]+)",
        r"no node that the Pod tolerates has \1 \2: compare --profile, `node_pool` and `node_selector` with: kubectl "
        "get nodes --show-labels; if a node has it, tolerate its taint (`tolerations`)",
    ),
    Rule(
        r"didn't match Pod's node affinity/selector.*its node must have (the label|all of the labels) ([^\n]+)",
        r"no node has \1 \2: compare --profile, `node_pool` and `node_selector` with: kubectl get nodes --show-labels",
    ),
    Rule(r"untolerated taint|had taint", "add a toleration for the taint (`tolerations`), or use another --profile"),
)
# Why a Pod does not start on its node.
START = (
    Rule(r"InvalidImageName", "correct the name of the `image`"),
    *(
        Rule(rf'(?:ImagePull|pull).*image "([^"\s]+)".*(?:{pattern})', words)
        for pattern, words in (
            (
                r"40[13] |[Ff]orbidden|[Dd]enied|[Uu]nauthorized",
                r"let the nodes' service account read the repository of \1: roles/artifactregistry.reader; or correct "
                "the `image`",
            ),
            (r"not found|manifest unknown", r"compare name and tag of \1 with the registry: was it pushed?"),
        )
    ),
    Rule(
        r"(ImagePull|pull).*(40[13] |[Ff]orbidden|[Dd]enied|[Uu]nauthorized)",
        "let the nodes' service account read the repository: roles/artifactregistry.reader; or correct the `image`",
    ),
    Rule(
        r"(ImagePull|pull).*(429 |toomanyrequests)",
        "the registry limits the rate of requests: copy the image to Artifact Registry",
    ),
    Rule(
        r"(ImagePull|pull).*(not found|manifest unknown)",
        "compare name and tag of the `image` with the registry: was it pushed?",
    ),
    Rule(
        r"(ImagePull|pull).*(i/o timeout|no such host|connection refused)",
        "the nodes cannot reach the registry: private nodes need Cloud NAT, or Private Google Access and Artifact "
        "Registry",
    ),
    Rule(r"ErrImageNeverPull", "the node does not have the image: set imagePullPolicy to IfNotPresent"),
    Rule(r"no match for platform|exec format error", "build the `image` for the architecture of the nodes"),
    *MISSING,
    *MISSING_KEY,
    Rule(
        r"runAsNonRoot", "give `run_as_user` a user id other than 0: the image has the user root, or only a user name"
    ),
)
# Why a node or its owner ended a Pod.
DISRUPTION = (
    Rule(
        r"[Ee]phemeral[- ]",
        "request more ephemeral-storage (`resources`), write less to disk, or mount a volume",
    ),
    Rule(
        r"low on resource: memory",
        "request as much memory as the container uses (`resources`), or use a larger --profile",
    ),
    Rule(
        r"on a spot node",
        "a spot node can be preempted at any time: save checkpoints and allow `retries`, or use a "
        "--profile without -spot",
    ),
    Rule(
        r"PreemptionByScheduler",
        "give the Job's Pods a higher PriorityClass, or run the Job when the cluster has more capacity",
    ),
    Rule(
        r"EvictionByEvictionAPI",
        f"{INFRASTRUCTURE}; on GKE the annotation cluster-autoscaler.kubernetes.io/safe-to-evict: 'false' prevents a "
        "scale-down from evicting the Pod",
    ),
    Rule(
        r"^(OutOf\w+|NodeAffinity|UnexpectedAdmissionError): ",
        "the node rejected the Pod: another Pod used its resources, or a device or label was removed; the program "
        "did not fail: run the Job again, or allow `retries`",
    ),
    Rule(r"DeletionBy|TerminationByKubelet|NodeLost|[Nn]ode ?[Ss]hutdown", INFRASTRUCTURE),
    Rule(
        r"^DeadlineExceeded", "allow a longer activeDeadlineSeconds in the template's Pod, or make the program faster"
    ),
)
# How a container ended.
PROGRAM = (
    Rule(
        r"OOMKilled[^\n]*memory limit ([^\s:]+)",
        r"raise the memory limit above \1 (`resources`), or use a larger --profile, as --escalate does by itself",
    ),
    Rule(r"OOMKilled", "give the container a memory limit and request (`resources`), or use a larger --profile"),
    Rule(r"ContainerStatusUnknown", INFRASTRUCTURE),
    Rule(
        r"StartError.*(not found|no such file)|exit code 127\b",
        "the image does not have that program: correct `command`, or the image's PATH",
    ),
    Rule(
        r"StartError.*permission denied|exit code 126\b",
        "the program cannot be executed: check its permissions in the image",
    ),
    Rule(r"StartError.*exec format error", "build the `image` for the architecture of the nodes"),
    Rule(
        r"exit code 137\b",
        "SIGKILL without OOMKilled: another process killed it, or it exceeded its grace period after a deletion",
    ),
    Rule(
        r"exit code 139\b", "SIGSEGV: a crash in native code; compare the versions of libraries, drivers and the image"
    ),
    Rule(r"exit code 143\b", "SIGTERM: it was stopped by a deletion, or by a process in the container"),
)


def advise(topic: Iterable[Rule], texts: Iterable[str]) -> str | None:
    """Return the advice for the first of `texts` that a rule matches, else None. texts: most relevant first."""
    return next((advice for text in texts for rule in topic if (advice := rule.advise(text))), None)

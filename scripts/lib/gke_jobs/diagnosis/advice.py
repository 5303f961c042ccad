"""What to do about a known cause: the first pattern that the facts and events of a Job or Pod match gives the advice.

What quotes GKE is from its cluster autoscaler (event FailedScaleUp) and from kubelet and registry messages.
"""

from __future__ import annotations

import re

INFRASTRUCTURE = (
    "this was no failure of the program: run it again; a podFailurePolicy that ignores DisruptionTarget keeps such an "
    "end from counting as a retry"
)

ADVICE = tuple(
    (re.compile(pattern, re.DOTALL), advice)
    for pattern, advice in (
        # the node and its owner
        (
            r"[Ee]phemeral[- ]",
            "request more ephemeral-storage (`resources`), write less to the disk, or mount a volume",
        ),
        (
            r"low on resource: memory",
            "request as much memory as the container uses (`resources`), or take a larger --profile",
        ),
        (
            r"on a spot node",
            "a spot node may go at any time: save checkpoints and allow `retries`, or take a --profile without -spot",
        ),
        (
            r"PreemptionByScheduler",
            "give the Job's Pods a higher PriorityClass, or run it when the cluster is less full",
        ),
        (
            r"EvictionByEvictionAPI",
            f"{INFRASTRUCTURE}; on GKE the annotation cluster-autoscaler.kubernetes.io/safe-to-evict: 'false' keeps a "
            "scale-down away",
        ),
        (
            r"DeletionBy|TerminationByKubelet|NodeLost|[Nn]ode ?[Ss]hutdown|OutOf\w|UnexpectedAdmission|StatusUnknown",
            INFRASTRUCTURE,
        ),
        # images
        (r"InvalidImageName", "correct the name of the `image`"),
        (
            r"(ImagePull|pull).*(40[13] |[Ff]orbidden|[Dd]enied|[Uu]nauthorized)",
            "let the nodes' service account read the repository: roles/artifactregistry.reader; or correct the `image`",
        ),
        (
            r"(ImagePull|pull).*(429 |toomanyrequests)",
            "the registry limits how often it is asked: copy the image to Artifact Registry",
        ),
        (
            r"(ImagePull|pull).*(not found|manifest unknown)",
            "compare name and tag of the `image` with the registry: was it pushed?",
        ),
        (
            r"(ImagePull|pull).*(i/o timeout|no such host|connection refused)",
            "the nodes do not reach the registry: private nodes need Cloud NAT, or Private Google Access and Artifact "
            "Registry",
        ),
        (r"ErrImageNeverPull", "the node does not have the image: set imagePullPolicy to IfNotPresent"),
        (r"no match for platform|exec format error", "build the `image` for the architecture of the nodes"),
        # configuration
        (
            r"(secret|configmap|service ?account) \"([^\"]+)\" not found",
            r"create the \1 \2 in the Job's namespace, or correct its name in the template or its values",
        ),
        (
            r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)",
            r"add the key \1 to the \2 \3, or correct its name in the template",
        ),
        (r"violates PodSecurity", "give the template the fields that the message names, as the shipped templates have"),
        (r"runAsNonRoot", "give `run_as_user` a user id other than 0: the image says root, or only a name"),
        (r"exceeded quota", "wait for other Jobs to end, request less (`resources`), or have the ResourceQuota raised"),
        # a node
        (
            r"GCE quota exceeded",
            "have the project's Compute Engine quota raised in this region, or take another --profile",
        ),
        (
            r"GCE out of resources",
            "the zone has no such machines now; GKE tries again; else take another machine type, zone or --profile",
        ),
        (r"IP space exhausted", "the cluster's network has no addresses left for more nodes or Pods: have it enlarged"),
        (
            r"max node group size reached",
            "a node pool that fits has as many nodes as it may: wait, or have its maximum raised",
        ),
        (r"TriggeredScaleUp", "a node is on its way: wait"),
        (
            r"Insufficient (\S+[^\s.,])",
            r"no node has so much \1 free: wait, request less (`resources`), or take another --profile",
        ),
        (
            r"didn't match Pod's node affinity/selector.*the label (\S+)",
            r"no node has \1: compare --profile and `node_pool` with: kubectl get nodes --show-labels",
        ),
        (r"untolerated taint|had taint", "add a toleration for the taint (`tolerations`), or take another --profile"),
        # the program
        (
            r"OOMKilled[^\n]*memory limit ([^\s:]+)",
            r"raise the memory limit above \1 (`resources`), or take a larger --profile, as --escalate does by itself",
        ),
        (r"OOMKilled", "give the container a memory limit and request (`resources`), or take a larger --profile"),
        (
            r"StartError.*(not found|no such file)|exit code 127\b",
            "the image does not have that program: correct `command`, or the image's PATH",
        ),
        (
            r"StartError.*permission denied|exit code 126\b",
            "the program cannot be executed: check its permissions in the image",
        ),
        (
            r"DeadlineExceeded[^\n]*\n.*activeDeadlineSeconds (\d+)",
            r"allow more than \1 s (`deadline_seconds`), or make it faster",
        ),
        (r"DeadlineExceeded", "allow a longer activeDeadlineSeconds in the template's Pod, or make it faster"),
        (
            r"exit code 137",
            "SIGKILL without OOMKilled: a process ended it, or it outlived its grace period after a deletion",
        ),
        (r"exit code 139", "SIGSEGV: a crash in native code; compare the versions of libraries, drivers and the image"),
        (r"exit code 143", "SIGTERM: somebody stopped it, by a deletion or from inside the container"),
        (
            r"Kueue's queue (\S+)",
            r"it starts when Kueue admits it: kubectl get workloads, kubectl describe localqueue \1",
        ),
        (
            r"Job (\S+) is suspended",
            r"""resume it with: kubectl patch job \1 --patch '{"spec": {"suspend": false}}'""",
        ),
        (
            r"of its Pods (?:is|are) gone, [^:]*: ([^\s,]+)",
            r"""on GKE the log may be in Cloud Logging: gcloud logging read 'resource.labels.pod_name="\1"'""",
        ),
    )
)


def advise(text: str) -> str | None:
    """Return the advice for the facts in `text`, one line each; None where no cause is known."""
    for pattern, advice in ADVICE:
        if match := pattern.search(text):
            return match.expand(advice) if match.groups() else advice
    return None

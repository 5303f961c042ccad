"""The exit codes of every script.

`make golden` generates scripts/lib/bash/exit_codes.bash and the table in scripts/README.md from this file.
"""

from __future__ import annotations

SUCCEEDED = 0
JOB_FAILED = 1
USAGE = 64
DATA = 65
NO_TEMPLATE = 66
UNREACHABLE = 69
NOT_FINISHED = 75
DENIED = 77
CONFIG = 78
TIMEOUT = 124
INTERRUPTED = 129  # like a hangup: the output is closed, or a stage ended without a verdict

SIGNALS = (INTERRUPTED, 130, 143)  # a script that HUP, INT or TERM ends
OUTCOMES = {  # of a run that ends with this code, for its timeline; that of any other code is `interrupted`
    SUCCEEDED: "succeeded",
    JOB_FAILED: "failed",
    UNREACHABLE: "cluster unreachable",
    NOT_FINISHED: "not finished",
    DENIED: "permission denied",
    CONFIG: "never started",
    TIMEOUT: "timed out",
}
# For the documentation: codes, their meaning, and whether a retry helps.
TABLE: tuple[tuple[tuple[int, ...], str, str], ...] = (
    ((SUCCEEDED,), "succeeded", ""),
    ((JOB_FAILED,), "the Job failed, or was deleted before it was finished", "perhaps"),
    ((USAGE,), "usage: unknown option, missing value, no cluster named", "no"),
    (
        (DATA,),
        "bad values or manifest; or a result that was truncated, that no XCom can hold, or that is missing although "
        "`--result-required` is given",
        "no",
    ),
    ((NO_TEMPLATE,), "template not found", "no"),
    (
        (UNREACHABLE,),
        "no answer from the cluster (for 10 minutes, `--unreachable-timeout`), the GKE API, the metadata server or "
        "Airflow",
        "yes",
    ),
    ((NOT_FINISHED,), "not finished yet (`poll-job`, `collect-job`, `run-job --once`)", "later"),
    ((DENIED,), "permission denied, or not logged in", "no"),
    (
        (CONFIG,),
        "missing configuration: cluster, namespace, Job or tool not found; or a Pod that will never start: its image, "
        "a Secret, ConfigMap or PersistentVolumeClaim is missing, or the cluster refuses it",
        "no",
    ),
    ((TIMEOUT,), "timed out (`--timeout`, `--schedule-timeout`)", "perhaps"),
    (
        SIGNALS,
        "interrupted by HUP, INT, TERM; 129 also if the output is closed, or a stage of run-job was killed",
        "yes",
    ),
)

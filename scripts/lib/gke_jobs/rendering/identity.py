"""The owner of a Job: one Airflow task instance, or a user at a shell.

Airflow's BashOperator exports AIRFLOW_CTX_*; GkeJobOperator adds GKE_JOB_MAP_INDEX and GKE_JOB_AIRFLOW_ENVIRONMENT. The
environment is part of the identity, because two environments may share a cluster and a DAG id. Two Composer
environments of the same name differ in project or region.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

# A label holds 63 characters; Kubernetes appends `-xxxxx` to a Pod's name and, in an Indexed Job, `-index` before it.
NAME_LENGTH = 50
HASH_IN_NAME = 8
LABEL_LENGTH = 63
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
COMPOSER_VARIABLES = ("GCP_PROJECT", "COMPOSER_LOCATION", "COMPOSER_ENVIRONMENT")


@dataclass(frozen=True, kw_only=True)
class Run:
    """The task instance of a Job, as text; all fields are empty at a shell."""

    environment: str = ""
    dag_id: str = ""
    task_id: str = ""
    run_id: str = ""
    logical_date: str = ""
    map_index: str = ""
    try_number: str = ""
    detached: str = ""  # "true": the task ends after it has submitted the Job

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Run:
        """Read the task instance from the variables of BashOperator. All are empty without AIRFLOW_CTX_DAG_ID."""
        if not environ.get("AIRFLOW_CTX_DAG_ID"):
            return cls()
        # A variable may have bytes that are no UTF-8, which fields of Kubernetes cannot have.
        environ = {
            name: text.encode(errors="surrogateescape").decode(errors="replace") for name, text in environ.items()
        }
        return cls(
            environment=environ.get("GKE_JOB_AIRFLOW_ENVIRONMENT") or composer_environment(environ),
            dag_id=environ["AIRFLOW_CTX_DAG_ID"],
            task_id=environ.get("AIRFLOW_CTX_TASK_ID", ""),
            run_id=environ.get("AIRFLOW_CTX_DAG_RUN_ID", ""),
            # the first is of Airflow 3, where a run may lack it; the second is of Airflow 2
            logical_date=environ.get("AIRFLOW_CTX_LOGICAL_DATE") or environ.get("AIRFLOW_CTX_EXECUTION_DATE", ""),
            map_index=environ.get("GKE_JOB_MAP_INDEX") or "-1",
            try_number=environ.get("AIRFLOW_CTX_TRY_NUMBER", ""),
            detached=environ.get("GKE_JOB_DETACHED", ""),
        )

    def as_dict(self) -> dict[str, str]:
        """Return the fields by name, for templates."""
        return asdict(self)


def composer_environment(environ: Mapping[str, str]) -> str:
    """Return PROJECT/REGION/NAME from the variables that Composer sets; '' outside Composer."""
    if not environ.get("COMPOSER_ENVIRONMENT"):
        return ""
    return "/".join(environ[name] for name in COMPOSER_VARIABLES if environ.get(name))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A Job's `hash` (12 hex digits, the same for every try) and its default `name`, which is a DNS-1035 label.

    A Service may have that name: a DNS-1035 label begins with a letter.
    """

    hash: str
    name: str


def identify(run: Run, *, work: str, environ: Mapping[str, str]) -> Identity:
    """Return the identity of the Job of `run`; at a shell, of `work` (a template or Job name) of this user.

    The name consists of the ASCII parts of the DAG and task ids, or `work` if these have no letters, as with Japanese
    ids.
    """
    if run.dag_id:
        key = digest([run.environment, run.dag_id, run.task_id, run.run_id, run.map_index])
        ids = run.dag_id + run.task_id
        has_no_name_part = not ids.isascii() and not re.search("[a-z]", _slug(ids))
        first = f"{work}-{run.dag_id}" if has_no_name_part else run.dag_id
        return Identity(hash=key, name=_name(first, run.task_id, key, always_hash=True))
    user = environ.get("USER") or environ.get("LOGNAME") or _user_name()
    key = digest(["by-hand", user, work])
    return Identity(hash=key, name=_name(work, user, key, always_hash=False))


def _user_name() -> str:
    """Return the name of the account as `id` prints it, or its number."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def label_value(text: str) -> str:
    """Return an id as a label value: the id if it is valid, else its valid part and a hash of the whole id."""
    if LABEL_VALUE.fullmatch(text):
        return text
    readable = re.sub("[^-A-Za-z0-9_.]+", "-", text)[: LABEL_LENGTH - len("-") - HASH_IN_NAME].strip("-_.")
    return f"{readable}-{digest(text)[:HASH_IN_NAME]}".lstrip("-")


def digest(content: object) -> str:
    """Return 12 hex digits as a hash of JSON `content`, independent of the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _name(first: str, second: str, key: str, *, always_hash: bool) -> str:
    first, second = _slug(first), _slug(second)
    if not (first or second)[:1].isalpha():
        first = f"job-{first}".strip("-")
    plain = f"{first}-{second}".strip("-")
    if not always_hash and len(plain) <= NAME_LENGTH:
        return plain
    # Each half can use the space that the other one does not need, so that a long DAG id does not hide the task.
    room = NAME_LENGTH - HASH_IN_NAME - len("--")
    half = room // 2
    first, second = first[: max(half, room - len(second))], second[: max(half, room - len(first))]
    return "-".join(part for part in (first.strip("-"), second.strip("-"), key[:HASH_IN_NAME]) if part)


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")

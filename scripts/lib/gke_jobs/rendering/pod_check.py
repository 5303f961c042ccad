"""Checks the Pod of a manifest before it is sent to a cluster."""

from __future__ import annotations

from collections import Counter

from gke_jobs.json_access import at, list_at, text_at
from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.values import Json

ARGUMENT_BYTES = 131_071  # Linux starts no program with a longer argument or variable, name included


def check_pod(pod: dict[str, Json], template: str) -> None:
    """Refuse a Pod that has an unintended meaning or could not start. The API server refuses fields of a wrong type."""
    containers = [*list_at(pod, "initContainers"), *list_at(pod, "containers")]
    _refuse_long_arguments(containers, template)
    _refuse_duplicates(pod, containers, template)
    _refuse_volumes_without_source(pod, containers, template)


def _refuse_long_arguments(containers: list[Json], template: str) -> None:
    for container in containers:
        for field in ("command", "args", "env"):
            for item in list_at(container, field):
                name = f"{item.get('name')}=" if isinstance(item, dict) else ""
                text = str(item.get("value") if isinstance(item, dict) else item)
                size = len((name + text.replace("$$", "$")).encode())  # Kubernetes expands the value but not the name
                if size > ARGUMENT_BYTES:
                    of = f"{field} of container {container.get('name')}"
                    what = f"{of} has an item of {size} bytes, more than the maximum of {ARGUMENT_BYTES}"
                    fix = "write it to object storage and pass its URI"
                    raise RenderError(BAD_INPUT, what, where=template, fix=fix)


def _refuse_duplicates(pod: dict[str, Json], containers: list[Json], template: str) -> None:
    """Refuse duplicate names. The API server accepts duplicate variables, and errors about others name no value."""

    def refuse(items: list[Json], key: str, which: str, fix: str) -> None:
        found = [item[key] for item in items if isinstance(item, dict) and isinstance(item.get(key), str)]
        for name, count in Counter(found).items():
            if count > 1:
                raise RenderError(BAD_INPUT, f"{key} {name!r} occurs twice among the {which}", where=template, fix=fix)

    fix = "give each a unique name, or define the volume once and mount it twice"
    refuse(list_at(pod, "volumes"), "name", "volumes of the Pod", fix)
    refuse(containers, "name", "containers of the Pod", "give each a unique name")
    for container in containers:
        of = f"of container {at(container, 'name')}"
        refuse(list_at(container, "volumeMounts"), "mountPath", f"mounts {of}", "give each a unique path")
        fix = "define it once, or replace a variable of the template with env of the value container"
        refuse(list_at(container, "env"), "name", f"variables {of}", fix)


def _refuse_volumes_without_source(pod: dict[str, Json], containers: list[Json], template: str) -> None:
    """Refuse volumes without a source, which Kubernetes would make an emptyDir, and mounts without a volume."""
    mounts = [mount for container in containers for mount in list_at(container, "volumeMounts")]
    for volume in list_at(pod, "volumes"):
        if isinstance(volume, dict) and not volume.keys() - {"name"}:
            paths = [text_at(mount, "mountPath") for mount in mounts if at(mount, "name") == at(volume, "name")]
            where = f", mounted at {', '.join(paths)}," if paths else ""
            fix = "give it one, e.g. persistentVolumeClaim, or emptyDir: {} for data that may be lost with the Pod"
            what = f"volume {at(volume, 'name')!r}{where} has no source"
            raise RenderError(BAD_INPUT, what, where=template, fix=fix)
    known = {text_at(volume, "name") for volume in list_at(pod, "volumes")}
    for mount in mounts:
        if (name := text_at(mount, "name")) not in known:
            what = f"volume {name!r}, mounted at {text_at(mount, 'mountPath')}, does not exist"
            fix = "define it with a source in volumes, or mount an existing one"
            raise RenderError(BAD_INPUT, what, where=template, fix=fix)

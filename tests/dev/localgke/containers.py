"""Imitates how the kubelet makes a container from a Pod's spec: its environment, command, volumes and user.

Imitated volumes: emptyDir, configMap and secret without `items`, and buckets of Cloud Storage FUSE. Imitated fields of
the security context: runAsUser and runAsNonRoot. No container has privileges, so allowPrivilegeEscalation: false,
capabilities.drop: [ALL] and a seccomp profile always hold.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from localgke.config import Image
from localgke.sandbox import Container, Mount
from localgke.scheduler import quantity
from localgke.store import Object, Store

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REFERENCE = re.compile(r"\$(?:\$|\(([-._a-zA-Z0-9]+)\))")
FIELD = re.compile(r"metadata\.(name|namespace|uid|(labels|annotations)\['(.+)'\])")
# Key in a variable's source or in a volume -> the resource, and the field with its name.
SOURCES = {
    "configMapKeyRef": ("configmaps", "name"),
    "secretKeyRef": ("secrets", "name"),
    "configMap": ("configmaps", "name"),
    "secret": ("secrets", "secretName"),
}
BUCKET_ANNOTATION = "gke-gcsfuse/volumes"
NAMES = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}


class CreateError(Exception):
    """The container cannot be made with the current objects of the cluster."""


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replaces `$(NAME)` by the value of the variable, if it is set, and `$$` by `$`."""
    return REFERENCE.sub(lambda match: "$" if match[1] is None else env.get(match[1], match[0]), text)


def environment(store: Store, pod: Object, container: Object) -> dict[str, str]:
    """Returns the variables of a container, none of the host's. Raises CreateError."""
    env = {"PATH": PATH, "HOSTNAME": hostname(pod)}
    for item in container.get("env", []):
        ((kind, source),) = item.get("valueFrom", {"value": None}).items()
        if kind == "value":
            env[item["name"]] = expand(item.get("value", ""), env)
        elif kind == "fieldRef":
            env[item["name"]] = _field(pod, source["fieldPath"])
        else:
            data = _data(store, pod, kind, source)
            if source["key"] in data:
                env[item["name"]] = data[source["key"]].decode()
            elif not source.get("optional"):
                where = f"{NAMES[kind]} {pod['metadata']['namespace']}/{source['name']}"
                raise CreateError(f"couldn't find key {source['key']} in {where}")
    return env


def _field(pod: Object, path: str) -> str:
    match = FIELD.fullmatch(path)
    if match is None:
        raise CreateError(f"localgke does not imitate a fieldRef of {path}")
    name, section, key = match.groups()
    return str(pod["metadata"].get(section, {}).get(key, "") if section else pod["metadata"][name])


def _data(store: Store, pod: Object, kind: str, source: Object) -> dict[str, bytes]:
    """Returns the data of the ConfigMap or Secret in `source`. `kind`: a key of SOURCES."""
    resource, key = SOURCES[kind]
    found = store.find(resource, pod["metadata"]["namespace"], source[key])
    if found is None:
        if source.get("optional"):
            return {}
        raise CreateError(f'{resource[:-1]} "{source[key]}" not found')
    encoded = found.get("data" if resource == "secrets" else "binaryData") or {}
    plain = {} if resource == "secrets" else found.get("data") or {}
    data = {name: base64.b64decode(text) for name, text in encoded.items()}
    return data | {name: text.encode() for name, text in plain.items()}


def hostname(pod: Object) -> str:
    """Returns the host name of a Pod's containers."""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"][:63])


def fill_volumes(store: Store, pod: Object, directory: Path, buckets: Path) -> None:
    """Makes a directory for each volume of the Pod. Raises CreateError, with the volume, while an object is missing.

    `buckets`: the directory with a directory for each bucket.
    """
    for volume in pod["spec"].get("volumes", []):
        target = directory / volume["name"]
        if "csi" in volume:
            bucket = buckets / volume["csi"]["volumeAttributes"]["bucketName"]
            _check_bucket(pod, volume["name"], bucket)
            if not target.is_symlink():
                target.symlink_to(bucket)
            continue
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(0o777)
        for kind in ("configMap", "secret"):
            if kind in volume:
                try:
                    data = _data(store, pod, kind, volume[kind])
                except CreateError as error:
                    raise CreateError(f'"{volume["name"]}" : {error}') from None
                for name, content in data.items():
                    (target / name).write_bytes(content)
                    (target / name).chmod(volume[kind].get("defaultMode", 0o644))


def _check_bucket(pod: Object, volume: str, bucket: Path) -> None:
    """Raises CreateError without the annotation for which GKE adds the FUSE sidecar, or without the bucket."""
    if pod["metadata"].get("annotations", {}).get(BUCKET_ANNOTATION) != "true":
        raise CreateError(f'"{volume}" : rpc error: failed to find the sidecar container in Pod spec')
    if not bucket.is_dir():
        raise CreateError(
            f'"{volume}" : rpc error: code = NotFound desc = storage: bucket {bucket.name} does not exist'
        )


def make_spec(store: Store, pod: Object, container: Object, image: Image, directory: Path, log: Path) -> Container:
    """Returns the sandbox of a container. `directory` has the Pod's `hosts` and `volumes`; `log`: its termination log.

    Raises CreateError.
    """
    if not container.get("command"):
        raise CreateError("the images of localgke have no ENTRYPOINT: the container must name a command")
    context = {**pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
    uid = context.get("runAsUser", 0)
    if context.get("runAsNonRoot") and uid == 0:
        meta = pod["metadata"]
        who = f'pod: "{meta["name"]}_{meta["namespace"]}({meta["uid"]})", container: {container["name"]}'
        raise CreateError(f"container has runAsNonRoot and image will run as root ({who})")
    env = {"HOME": "/root" if uid == 0 else "/", **environment(store, pod, container)}
    mounts: list[Mount] = [{"source": str(log), "target": container["terminationMessagePath"], "readonly": False}]
    mounts.append({"source": str(directory / "hosts"), "target": "/etc/hosts", "readonly": True})
    mounts += [{"source": str(path), "target": point, "readonly": True} for point, path in image.mounts.items()]
    writable = {volume["name"] for volume in pod["spec"].get("volumes", []) if {"emptyDir", "csi"} & set(volume)}
    for mount in container.get("volumeMounts", []):
        readonly = mount.get("readOnly", False) or mount["name"] not in writable
        source = str(directory / "volumes" / mount["name"])
        mounts.append({"source": source, "target": mount["mountPath"], "readonly": readonly})
    return {
        "argv": [expand(text, env) for text in (*container["command"], *container.get("args", []))],
        "env": env,
        "cwd": container.get("workingDir") or "/",
        "hostname": hostname(pod),
        "mounts": mounts,
        "uid": uid,
        "memory": int(quantity(container.get("resources", {}).get("limits", {}).get("memory", 0))),
    }

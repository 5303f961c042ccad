"""Imitates how the kubelet makes a container of a Pod's spec: its environment, command, volumes and user.

Imitated volumes: emptyDir, configMap, secret, downwardAPI (items with fieldRef). Of the security context: runAsUser,
runAsGroup, runAsNonRoot, allowPrivilegeEscalation, readOnlyRootFilesystem and capabilities.drop of ALL; a seccomp
profile of type RuntimeDefault makes no difference that a container could notice here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from localgke.config import Image
from localgke.sandbox import Container, Mount
from localgke.store import Object, Store

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REFERENCE = re.compile(r"\$(?:\$|\(([-._a-zA-Z0-9]+)\))")
SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
TERMINATION_LOG = "/dev/termination-log"


class CreateError(Exception):
    """The container cannot be made of its spec; `reason` is that of the waiting container."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


class MountError(Exception):
    """A volume cannot be filled; the message is that of the FailedMount event."""


def expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` -> its value, where there is one; `$$` -> `$`."""
    return REFERENCE.sub(lambda match: "$" if match[1] is None else env.get(match[1], match[0]), text)


def describe(pod: Object) -> str:
    """A Pod as the kubelet's messages name it."""
    meta = pod["metadata"]
    return f"{meta['name']}_{meta['namespace']}({meta['uid']})"


def field(pod: Object, path: str) -> str:
    """What a `fieldRef` stands for. Raises CreateError."""
    subscript = SUBSCRIPT.fullmatch(path)
    if subscript:
        return str(pod["metadata"].get(subscript[1], {}).get(subscript[2], ""))
    section, _, name = path.partition(".")
    known = {"metadata": ("name", "namespace", "uid"), "spec": ("nodeName", "serviceAccountName")}
    if name in known.get(section, ()):
        return str(pod[section].get(name, ""))
    if path in ("status.podIP", "status.hostIP"):
        return "127.0.0.1"
    if path in ("metadata.labels", "metadata.annotations"):
        return "\n".join(f'{key}="{value}"' for key, value in sorted(pod["metadata"].get(name, {}).items()))
    raise CreateError("CreateContainerConfigError", f"localgke does not imitate a fieldRef of {path}")


def content(store: Store, namespace: str, resource: str, name: str) -> dict[str, bytes] | None:
    """The data of a ConfigMap or Secret (`resource`: configmaps, secrets), or None where there is no such object."""
    found = store.find(resource, namespace, name)
    if found is None:
        return None
    plain = {} if resource == "secrets" else found.get("data") or {}
    encoded = found.get("data" if resource == "secrets" else "binaryData") or {}
    data = {key: text.encode() for key, text in plain.items()}
    return data | {key: base64.b64decode(text) for key, text in encoded.items()}


def environment(store: Store, pod: Object, container: Object) -> dict[str, str]:
    """The variables of a container: nothing of the host's. Raises CreateError."""
    env = {"PATH": PATH, "HOSTNAME": hostname(pod)}
    for source in container.get("envFrom", []):
        for key, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if key in source:
                data = _reference(store, pod, resource, source[key])
                env |= {source.get("prefix", "") + name: value.decode() for name, value in data.items()}
    for item in container.get("env", []):
        if "valueFrom" not in item:
            env[item["name"]] = expand(item.get("value", ""), env)
        elif (value := _value(store, pod, item["valueFrom"])) is not None:
            env[item["name"]] = value
    return env


def _value(store: Store, pod: Object, source: Object) -> str | None:
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    for key, resource, kind in (("configMapKeyRef", "configmaps", "ConfigMap"), ("secretKeyRef", "secrets", "Secret")):
        if key in source:
            data = _reference(store, pod, resource, source[key])
            if source[key]["key"] in data:
                return data[source[key]["key"]].decode()
            if source[key].get("optional"):
                return None
            where = f"{kind} {pod['metadata']['namespace']}/{source[key]['name']}"
            raise CreateError("CreateContainerConfigError", f"couldn't find key {source[key]['key']} in {where}")
    raise CreateError("CreateContainerConfigError", f"localgke does not imitate valueFrom {', '.join(source)}")


def _reference(store: Store, pod: Object, resource: str, reference: Object) -> dict[str, bytes]:
    data = content(store, pod["metadata"]["namespace"], resource, reference["name"])
    if data is None and not reference.get("optional"):
        raise CreateError("CreateContainerConfigError", f'{resource[:-1]} "{reference["name"]}" not found')
    return data or {}


def hostname(pod: Object) -> str:
    """The host name of a Pod's containers."""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"][:63])


def fill_volumes(store: Store, pod: Object, directory: Path) -> None:
    """Makes a directory for each volume of the Pod. Raises MountError while something is missing."""
    for volume in pod["spec"].get("volumes", []):
        target = directory / volume["name"]
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(0o777)
        try:
            files = _files(store, pod, volume)
        except CreateError as error:
            raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error
        for path, (data, mode) in files.items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(mode)


def _files(store: Store, pod: Object, volume: Object) -> dict[str, tuple[bytes, int]]:
    """Path -> content and mode of what a volume holds at first."""
    if "downwardAPI" in volume:
        source = volume["downwardAPI"]
        items = [{**item, "key": item["path"]} for item in source["items"]]
        data = {item["path"]: field(pod, item["fieldRef"]["fieldPath"]).encode() for item in items}
    elif "configMap" in volume or "secret" in volume:
        resource = "configmaps" if "configMap" in volume else "secrets"
        source = volume.get("configMap") or volume["secret"]
        name = source.get("name") or source["secretName"]
        data = _reference(store, pod, resource, {**source, "name": name})
        items = source.get("items") or [{"key": key, "path": key} for key in data]
    else:
        return {}
    mode = source.get("defaultMode", 0o644)
    missing = [item["key"] for item in items if item["key"] not in data]
    if missing and not source.get("optional"):
        raise CreateError("CreateContainerConfigError", f"references non-existent config key: {missing[0]}")
    return {item["path"]: (data[item["key"]], item.get("mode", mode)) for item in items if item["key"] in data}


def make_spec(store: Store, pod: Object, container: Object, image: Image, directory: Path, log: Path) -> Container:
    """The sandbox for a container. `directory`: the Pod's; `log`: its termination log. Raises CreateError."""
    env = environment(store, pod, container)
    if not container.get("command"):
        problem = (
            "no command specified: the images of localgke have no ENTRYPOINT, so the container must name a command"
        )
        raise CreateError("CreateContainerError", problem)
    context = {**pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
    uid = context.get("runAsUser", 0)
    if context.get("runAsNonRoot") and uid == 0:
        fault = "container has runAsNonRoot and image will run as root"
        if "runAsUser" in context:
            fault = "container's runAsUser breaks non-root policy"
        message = f'{fault} (pod: "{describe(pod)}", container: {container["name"]})'
        raise CreateError("CreateContainerConfigError", message)
    env.setdefault("HOME", "/root" if uid == 0 else "/")
    return {
        "argv": [expand(text, env) for text in (*container["command"], *container.get("args", []))],
        "env": env,
        "cwd": container.get("workingDir") or "/",
        "hostname": hostname(pod),
        "mounts": _mounts(pod, container, image, directory, log),
        "uid": uid,
        "gid": context.get("runAsGroup", 0),
        "no_new_privileges": context.get("allowPrivilegeEscalation") is False,
        "drop_capabilities": "ALL" in context.get("capabilities", {}).get("drop", []),
        "readonly_root": bool(context.get("readOnlyRootFilesystem")),
    }


def _mounts(pod: Object, container: Object, image: Image, directory: Path, log: Path) -> list[Mount]:
    target = container.get("terminationMessagePath") or TERMINATION_LOG
    mounts: list[Mount] = [{"source": str(log), "target": target, "readonly": False}]
    mounts += [{"source": str(path), "target": point, "readonly": True} for point, path in image.mounts.items()]
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        source = directory / mount["name"] / mount.get("subPath", "")
        writable = "emptyDir" in volumes[mount["name"]]
        if writable and not source.exists():
            source.mkdir(parents=True, mode=0o777)
        readonly = not writable or mount.get("readOnly", False)
        mounts.append({"source": str(source), "target": mount["mountPath"], "readonly": readonly})
    return mounts

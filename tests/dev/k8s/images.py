"""Writes the images of the real cluster into an OCI layout, which `registry` serves, without Docker or downloads.

    python -m k8s.images --pause DIR --busybox DIR --python DIR --output DIR

The options name root file systems. The images are `PAUSE` and those of localgke's cluster.yaml, under the names that
the kubelet requests. Those of the repository busybox contain busybox; all others also contain Debian's Python, whatever
version their tag has, and the directories that cluster.yaml mounts in them. The same files give the same bytes.

The format: https://github.com/opencontainers/image-spec, image-layout.md, manifest.md and config.md.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localgke import config

PAUSE = "localhost/pause:1"  # the sandbox image in etc/containerd.toml
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAME = "org.opencontainers.image.ref.name"
TYPE = "application/vnd.oci.image"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # of uname -> of Go


@dataclass(frozen=True)
class Image:
    """An image: `layers` from the bottom up, and `options` of the config of an OCI image."""

    layers: Sequence[bytes]
    options: Mapping[str, Any]


def full_name(name: str) -> str:
    """Returns an image name of a Pod as the kubelet completes it: with registry, repository and tag."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not (set(".:") & set(first) or first == "localhost"):
        name = f"docker.io/{name}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def layer(tree: Path, at: str = "/") -> bytes:
    """Returns a tar of the files below `tree`, for the directory `at` of an image: owned by root, readable by all."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in [tree, *_below(tree)]:
            name = (Path(at) / path.relative_to(tree)).relative_to("/")
            if name.name:
                archive.add(path, str(name), recursive=False, filter=_anybodys)
    return buffer.getvalue()


def _below(tree: Path) -> Iterator[Path]:
    for path in sorted(tree.iterdir()):
        if path.name == "__pycache__":
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def _anybodys(file: tarfile.TarInfo) -> tarfile.TarInfo:
    file.uid = file.gid = 0
    file.uname = file.gname = ""
    file.mtime = 0
    file.mode |= 0o555 if file.isdir() or file.mode & 0o100 else 0o444
    return file


def make(mounts: Mapping[str, Mapping[str, Path]], *, pause: Path, busybox: Path, python: Path) -> dict[str, Image]:
    """Returns the images by name. `mounts`: name -> directory in the image -> content; others: root file systems."""
    images = {PAUSE: Image([layer(pause)], {"Entrypoint": ["/pause"], "User": "65535:65535"})}
    shell, interpreter = layer(busybox), layer(python)
    for name, directories in mounts.items():
        full = full_name(name)
        only_shell = full.startswith("docker.io/library/busybox:")
        layers = [shell] if only_shell else [shell, interpreter]
        layers += [layer(tree, at) for at, tree in sorted(directories.items())]
        images[full] = Image(layers, {"Env": [f"PATH={PATH}"], "Cmd": ["sh" if only_shell else "python3"]})
    return images


def write(directory: Path, images: Mapping[str, Image]) -> None:
    """Writes an OCI layout and replaces an older one; images share their blobs. Raises OSError.

    The directory itself is kept, because a running cluster has mounted it. The cluster can still pull unchanged images.
    """
    blobs: dict[str, bytes] = {}

    def add(kind: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": f"{TYPE}.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    def add_manifest(name: str, image: Image) -> dict[str, Any]:
        layers = [add("layer.v1.tar", data) for data in image.layers]
        options = {
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": image.options,
            "rootfs": {"type": "layers", "diff_ids": [part["digest"] for part in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{TYPE}.manifest.v1+json",
            "config": add("config.v1+json", _json(options)),
            "layers": layers,
        }
        return {**add("manifest.v1+json", _json(manifest)), "annotations": {NAME: name}}

    manifests = [add_manifest(name, image) for name, image in sorted(images.items())]
    index = {"schemaVersion": 2, "mediaType": f"{TYPE}.index.v1+json", "manifests": manifests}
    files = directory / "blobs" / "sha256"
    files.mkdir(parents=True, exist_ok=True)
    for file in files.iterdir():
        if file.name not in blobs:
            file.unlink()
    for digest, data in blobs.items():
        (files / digest).write_bytes(data)
    (directory / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (directory / "index.json").write_bytes(_json(index))


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def main() -> None:
    parser = argparse.ArgumentParser(prog="k8s.images", allow_abbrev=False)
    for name in ("pause", "busybox", "python", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    mounts = {image.name: image.mounts for image in config.load().images.values()}
    write(options.output, make(mounts, pause=options.pause, busybox=options.busybox, python=options.python))


if __name__ == "__main__":
    main()

"""The OCI layout of the images, read as the specification describes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from k8s import images
from localgke import config

TESTS = Path(__file__).parent.parent
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Layout:
    """Reads an OCI layout and checks the digest of every blob."""

    def __init__(self, path: Path) -> None:
        self.files = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
        self.manifests = {
            entry["annotations"]["org.opencontainers.image.ref.name"]: entry
            for entry in json.loads(self.files["index.json"])["manifests"]
        }

    def blob(self, descriptor: dict) -> bytes:
        algorithm, _, digest = descriptor["digest"].partition(":")
        data = self.files[f"blobs/{algorithm}/{digest}"]
        assert hashlib.new(algorithm, data).hexdigest() == digest
        assert len(data) == descriptor["size"]
        return data

    def manifest(self, name: str) -> dict:
        return json.loads(self.blob(self.manifests[name]))

    def config(self, name: str) -> dict:
        return json.loads(self.blob(self.manifest(name)["config"]))

    def layers(self, name: str) -> list[list[str]]:
        """Returns the names in each layer, from the bottom up."""
        blobs = [self.blob(part) for part in self.manifest(name)["layers"]]
        return [[member.name for member in members(data)] for data in blobs]


def members(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getmembers()


@pytest.fixture
def roots(tmp_path):
    """Root file systems with one program each, and a directory with the programs of an image."""
    for path in ("pause/pause", "busybox/bin/busybox", "python/usr/bin/python3", "app/train.py"):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(path)
        file.chmod(0o755)
    return tmp_path


@pytest.fixture
def layout(roots):
    mounts = {"busybox": {}, "busybox:1.37": {}, "python:3.12-slim": {}, "train-model:1": {"/app": roots / "app"}}
    made = images.make(mounts, pause=roots / "pause", busybox=roots / "busybox", python=roots / "python")
    images.write(roots / "images", made)
    return Layout(roots / "images")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.37", "docker.io/library/busybox:1.37"),
        ("someone/model", "docker.io/someone/model:latest"),
        ("europe-docker.pkg.dev/ml/images/train:1", "europe-docker.pkg.dev/ml/images/train:1"),
        ("localhost/train", "localhost/train:latest"),
        ("registry:5000/train", "registry:5000/train:latest"),
    ],
)
def test_a_name_is_completed_as_the_kubelet_does_it(name, full):
    assert images.full_name(name) == full


def test_every_image_is_in_the_layout_under_its_full_name(layout):
    assert set(layout.manifests) == {
        "localhost/pause:1",
        "docker.io/library/busybox:latest",
        "docker.io/library/busybox:1.37",
        "docker.io/library/python:3.12-slim",
        "docker.io/library/train-model:1",
    }
    assert json.loads(layout.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_every_blob_matches_its_digest_and_belongs_to_an_image(layout):
    used = set()
    for name, entry in layout.manifests.items():
        manifest = layout.manifest(name)
        for descriptor in (entry, manifest["config"], *manifest["layers"]):
            layout.blob(descriptor)
            used.add("blobs/" + descriptor["digest"].replace(":", "/"))
    assert used == layout.files.keys() - {"oci-layout", "index.json"}


def test_the_config_names_the_layers_and_the_command(layout):
    name = "docker.io/library/train-model:1"
    manifest, options = layout.manifest(name), layout.config(name)
    assert options["rootfs"] == {"type": "layers", "diff_ids": [part["digest"] for part in manifest["layers"]]}
    assert {part["mediaType"] for part in manifest["layers"]} == {LAYER}
    assert options["config"]["Cmd"] == ["python3"]
    assert layout.config("docker.io/library/busybox:latest")["config"]["Cmd"] == ["sh"]
    pause = layout.config(images.PAUSE)["config"]
    assert (pause["Entrypoint"], pause["User"]) == (["/pause"], "65535:65535")


def test_an_image_has_busybox_then_python_then_its_own_files(layout):
    busybox, python = ["bin", "bin/busybox"], ["usr", "usr/bin", "usr/bin/python3"]
    assert layout.layers(images.PAUSE) == [["pause"]]
    assert layout.layers("docker.io/library/busybox:latest") == [busybox]
    assert layout.layers("docker.io/library/python:3.12-slim") == [busybox, python]
    assert layout.layers("docker.io/library/train-model:1") == [busybox, python, ["app", "app/train.py"]]


def test_the_same_files_make_the_same_layout(roots, layout):
    (roots / "app" / "train.py").touch()
    (roots / "app" / "__pycache__").mkdir()
    mounts = {"train-model:1": {"/app": roots / "app"}, "python:3.12-slim": {}, "busybox:1.37": {}, "busybox": {}}
    made = images.make(mounts, pause=roots / "pause", busybox=roots / "busybox", python=roots / "python")
    images.write(roots / "again", made)
    assert Layout(roots / "again").files == layout.files


def test_the_command_writes_the_images_of_the_stand_in(roots):
    arguments = [f"--{name}={roots / name}" for name in ("pause", "busybox", "python")]
    output = roots / "output"
    command = [sys.executable, "-m", "k8s.images", *arguments, f"--output={output}"]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, check=True)
    names = {images.full_name(name) for name in config.load().images}
    assert Layout(output).manifests.keys() == {images.PAUSE, *names}


def test_files_belong_to_root_and_any_user_can_read_them(tmp_path):
    for name, mode in {"private": 0o600, "program": 0o700}.items():
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "link").symlink_to("/no/such/file")
    found = {member.name: member for member in members(images.layer(tmp_path))}
    assert {(file.uid, file.gid, file.uname, file.gname, file.mtime) for file in found.values()} == {(0, 0, "", "", 0)}
    assert {name: found[name].mode for name in ("private", "program", "tmp")} == {
        "private": 0o644,
        "program": 0o755,
        "tmp": 0o1777,
    }
    assert found["link"].linkname == "/no/such/file"


def test_a_missing_directory_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        images.layer(tmp_path / "missing")

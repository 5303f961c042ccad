"""The sandbox as a program: run as the current user and, if that is root, also as an unprivileged user."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from localgke.runtime import SANDBOX

NOBODY = 65534
DEFAULTS = {"env": {"PATH": "/usr/bin:/bin"}, "cwd": "/", "hostname": "pod", "mounts": [], "uid": 0, "memory": 0}


class Result(NamedTuple):
    """How a sandbox ended, what it wrote, and why it did not start."""

    code: int
    out: str
    err: str
    error: str


class Sandboxes:
    """Runs sandboxes in a directory that every user may enter. `prefix` makes a command run as another user."""

    def __init__(self, directory: Path, python: str, prefix: list[str]):
        self.directory = directory
        self.command = [*prefix, python, "-I", "-S", str(directory / SANDBOX.name)]

    def launch(self, script: str, **spec: Any) -> tuple[subprocess.Popen[str], int]:
        """Starts a shell script; returns the program and the pipe for what goes wrong before it starts."""
        root = Path(tempfile.mkdtemp(dir=self.directory))
        root.chmod(0o777)
        reading, writing = os.pipe()
        oom = os.open(os.devnull, os.O_WRONLY)
        fds = {"error_fd": writing, "oom_fd": oom}
        request = {"argv": ["sh", "-c", script], **DEFAULTS, **spec, "root": str(root), **fds}
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=[writing, oom], text=True
        )
        os.close(writing)
        os.close(oom)
        assert process.stdin
        process.stdin.write(json.dumps(request))
        process.stdin.close()
        process.stdin = None
        return process, reading

    def run(self, script: str, **spec: Any) -> Result:
        """Runs a shell script, or `argv`, to its end."""
        process, errors = self.launch(script, **spec)
        out, err = process.communicate(timeout=30)
        with os.fdopen(errors) as file:
            return Result(process.returncode, out, err, file.read())


@pytest.fixture(params=["this user"] if os.geteuid() else ["this user", "without privileges"])
def sandboxes(request: pytest.FixtureRequest) -> Iterator[Sandboxes]:
    python, prefix = sys.executable, []
    if request.param == "without privileges":
        python = shutil.which("python3", path="/usr/bin:/bin") or pytest.skip("needs a python3 that every user may run")
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o777)
        shutil.copy(SANDBOX, directory)
        yield Sandboxes(Path(directory), python, prefix)


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("exec python3 -c 'import ctypes; ctypes.string_at(0)'", 128 + signal.SIGSEGV)],
)
def test_the_exit_code_is_that_of_the_process_or_128_plus_its_signal(
    sandboxes: Sandboxes, script: str, code: int
) -> None:
    assert sandboxes.run(script).code == code


def test_the_process_is_pid_1_of_its_namespace_and_has_its_host_name(sandboxes: Sandboxes) -> None:
    assert sandboxes.run("echo $$ $(cat /proc/1/comm) $(hostname)").out == "1 sh pod\n"


def test_the_environment_has_only_the_given_variables(sandboxes: Sandboxes) -> None:
    result = sandboxes.run("", argv=["/usr/bin/env"], env={"A": "1"})
    assert result.out == "A=1\n"


def test_a_mount_appears_at_a_path_that_the_host_does_not_have(sandboxes: Sandboxes) -> None:
    source = sandboxes.directory / "model"
    source.mkdir()
    (source / "weights").write_text("1 2 3\n")
    mounts = [{"source": str(source), "target": path, "readonly": True} for path in ("/model", "/etc/model/v1")]
    result = sandboxes.run("cat /model/weights /etc/model/v1/weights; ls -d /etc/passwd; touch /model/x", mounts=mounts)
    assert result.out == "1 2 3\n1 2 3\n/etc/passwd\n"
    assert "Read-only file system" in result.err
    assert not Path("/etc/model").exists()


def test_files_in_a_writable_mount_are_kept(sandboxes: Sandboxes) -> None:
    log, app = sandboxes.directory / "log", sandboxes.directory / "app"
    log.touch(mode=0o666)
    log.chmod(0o666)
    app.mkdir()
    (app / "train.py").touch()
    mounts = [
        {"source": str(app), "target": "/app", "readonly": True},
        {"source": str(log), "target": "/app/out/log", "readonly": False},  # in a read-only mount, without a place
    ]
    assert sandboxes.run("ls /app; echo done > /app/out/log", mounts=mounts).out == "out\ntrain.py\n"
    assert log.read_text() == "done\n"


def test_the_hosts_directories_are_read_only_and_scratch_directories_are_private(sandboxes: Sandboxes) -> None:
    result = sandboxes.run(
        "touch /usr/x; for dir in '' /tmp /run /dev/shm; do echo $$ > $dir/mine && cat $dir/mine; done"
    )
    assert "Read-only file system" in result.err
    assert result.out == "1\n" * 4
    assert not Path("/mine").exists()
    assert not Path("/tmp/mine").exists()


@pytest.mark.parametrize("uid", [0, 1000])
def test_the_process_runs_as_the_user_asked_for_without_privileges(sandboxes: Sandboxes, uid: int) -> None:
    result = sandboxes.run("id -u; id -g; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status", uid=uid)
    words = result.out.split()
    assert words[:2] == [str(uid), "0"]
    none = "0" * 16
    assert dict(zip(words[2::2], words[3::2], strict=True)) == {"CapEff:": none, "CapBnd:": none, "NoNewPrivs:": "1"}


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["no-such"], 'exec: "no-such": executable file not found in $PATH'),
        (["/etc/passwd"], "[Errno 13] Permission denied: '/etc/passwd'"),
    ],
)
def test_a_command_that_cannot_be_started_is_distinct_from_one_that_fails(
    sandboxes: Sandboxes, argv: list[str], error: str
) -> None:
    result = sandboxes.run("", argv=argv)
    assert (result.code, result.error) == (128, error)


def test_a_missing_working_directory_is_created(sandboxes: Sandboxes) -> None:
    for directory in ("/workspace/a", "/usr/workspace"):
        assert sandboxes.run("pwd", cwd=directory).out == f"{directory}\n"
        assert not Path(directory).exists()


def test_a_container_is_killed_when_its_processes_together_hold_too_much_memory(sandboxes: Sandboxes) -> None:
    hold = "python3 -c 'import time; held = b\"x\" * (24 << 20); print(1, flush=True); time.sleep(600)'"
    assert sandboxes.run(f"{hold} & {hold}; echo not reached", memory=48 << 20).code == 137
    assert sandboxes.run("sleep 0.6; echo ended", memory=48 << 20).out == "ended\n"


def test_sigterm_is_forwarded_to_the_process(sandboxes: Sandboxes) -> None:
    process, errors = sandboxes.launch("trap 'echo stopped; exit 7' TERM; echo ready; while :; do sleep 0.01; done")
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[0] == "stopped\n"
    assert process.returncode == 7
    os.close(errors)


def test_killing_the_sandbox_kills_everything_in_it(sandboxes: Sandboxes) -> None:
    process, errors = sandboxes.launch("setsid sleep 600 & echo ready; wait")
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate(timeout=30)  # its output ends when the last process that holds it is dead
    os.close(errors)


def test_a_sandbox_does_not_outlive_the_program_that_started_it(sandboxes: Sandboxes) -> None:
    sandboxes.command = ["sh", "-c", '"$@"; exit $?', "parent", *sandboxes.command]
    process, errors = sandboxes.launch("echo ready; exec sleep 600")
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate(timeout=30)
    os.close(errors)

"""Imitates a container runtime: one process in its own namespaces, on the host's read-only file system.

It is a program that reads a JSON object from stdin (see `Spec`), uses only the standard library, and runs as long as
the container. It exits as the container's process does (128 + n for signal n) and forwards SIGTERM to it. If the server
or this program is killed, the kernel kills the container. Nothing is mounted on the host: all mounts are in the
container's mount namespace.

The container sees the host's directories, read-only, and its mounts; `/tmp`, `/run`, `/dev/shm` and new files in `/`
are private. It has no capabilities and cannot gain any, whatever its user is. Without root the namespaces are in a user
namespace with one user and one group.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import sys
from typing import NoReturn, TypedDict

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x04000000, 0x10000000, 0x20000000
MS_NOSUID, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x2, 0x1000, 0x4000, 0x40000, 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 0x1
OWN = ("/proc", "/dev", "/tmp", "/run")  # never the host's
DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
LIBC = ctypes.CDLL(None, use_errno=True)
CHECK_SECONDS = 0.25  # between two checks of the container's memory


class Mount(TypedDict):
    """A mount of a host file or directory (`source`) at the absolute path `target` of the container."""

    source: str
    target: str
    readonly: bool


class Container(TypedDict):
    """A container: `uid` is inside the container, whose group is 0; `cwd` is created if it is missing.

    `memory`: limit of all its processes together in bytes, 0 without a limit.
    """

    argv: list[str]
    env: dict[str, str]
    cwd: str
    hostname: str
    mounts: list[Mount]
    uid: int
    memory: int


class Spec(Container):
    """A container and its environment on the host. `root`: an empty host directory. `error_fd` gets the reason if the
    container does not start; `oom_fd` gets a byte if it is killed at the memory limit; both are closed otherwise.
    """

    root: str
    error_fd: int
    oom_fd: int


def main() -> NoReturn:
    """Runs the container that stdin describes."""
    _call("prctl", LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    spec: Spec = json.load(sys.stdin)
    for descriptor in (spec["error_fd"], spec["oom_fd"]):
        os.set_inheritable(descriptor, False)
    pid = 0

    def forward(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    try:
        _unshare(spec["uid"])
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until the child can receive it
        pid = os.fork()
        if pid == 0:
            _run(spec)
    except OSError as error:
        os.write(spec["error_fd"], f"cannot make a sandbox: {error}".encode())
        os._exit(128)
    os.close(spec["error_fd"])
    signal.signal(signal.SIGTERM, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if spec["memory"]:
        _limit_memory(pid, spec["memory"], spec["oom_fd"])
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def _limit_memory(pid: int, limit: int, oom_fd: int) -> None:
    """Kills the container when its processes exceed the limit. It polls every CHECK_SECONDS, as a cgroup needs root."""

    def check(_number: int, _frame: object) -> None:
        if not os.path.exists("/proc/self") and _held() > limit:  # in the file system of the container we are not
            os.write(oom_fd, b"x")
            os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, CHECK_SECONDS, CHECK_SECONDS)


def _held() -> int:
    """Returns the private memory of all processes of the container in bytes."""
    pages = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/statm") as file:
                _, resident, shared, *_ = map(int, file.read().split())
                pages += resident - shared
    return pages * os.sysconf("SC_PAGE_SIZE")


def _call(what: str, result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    result = LIBC.mount(*(text.encode() for text in (source, target, kind)), ctypes.c_ulong(flags), data.encode())
    _call(f"mount {kind or source} at {target}", result)


def _readonly(path: str) -> None:
    """Makes a mount and all below it read-only and keeps the other properties, as a user namespace requires."""
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    arguments = (ctypes.c_long(AT_FDCWD), path.encode(), ctypes.c_long(AT_RECURSIVE), attributes, ctypes.c_long(32))
    _call(f"mount_setattr {path}", LIBC.syscall(ctypes.c_long(SYS_MOUNT_SETATTR), *arguments))


def _unshare(uid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    alone = CLONE_NEWUSER if outer_uid else 0
    _call("unshare", LIBC.unshare(alone | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS))
    if alone:
        maps = {"setgroups": "deny", "uid_map": f"{uid} {outer_uid} 1", "gid_map": f"0 {outer_gid} 1"}
        for name, text in maps.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def _run(spec: Spec) -> NoReturn:
    """Builds the file system and becomes the container's process, in the child that is PID 1 of the new namespaces."""
    try:
        os.setsid()  # a signal to the container's process group stays in the container
        os.umask(0)
        _build(spec)
        os.umask(0o022)
        with open("/dev/null") as null:
            os.dup2(null.fileno(), 0)
        os.makedirs(spec["cwd"], exist_ok=True)
        os.chdir(spec["cwd"])
        _become(spec["uid"])
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, and exec would preserve that
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        _exec(spec["argv"], spec["env"])
    except OSError as error:
        os.write(spec["error_fd"], str(error.strerror if error.filename is None else error).encode())
    os._exit(128)


def _become(uid: int) -> None:
    """Takes the container's user, and gives up all privileges."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        _call("prctl", LIBC.prctl(PR_CAPBSET_DROP, capability))
    if os.geteuid() != uid:
        os.setgroups([])
        os.setresuid(uid, uid, uid)
    _call("prctl", LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call("prctl", LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))  # after setuid, which resets it


def _exec(argv: list[str], env: dict[str, str]) -> NoReturn:
    """Replaces the process. Raises OSError.

    (`os.execvpe` imports a module, which the container's user may not be allowed to read.)
    """
    name = argv[0]
    for path in [name] if "/" in name else [f"{place}/{name}" for place in env.get("PATH", "").split(":")]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.execve(path, argv, env)
    raise OSError(errno.ENOENT, f'exec: "{name}": executable file not found in $PATH')


def _build(spec: Spec) -> None:
    """Makes the container's file system and moves into it."""
    root = spec["root"]
    _mount("", "/", flags=MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID, "mode=755")
    mounts = {os.path.realpath(mount["target"]): mount for mount in spec["mounts"]}
    missing = set() if os.path.isdir(spec["cwd"]) else {spec["cwd"]}
    _show("/", "/", root, {*mounts, *OWN, *missing})
    for path in OWN:
        os.makedirs(root + path, exist_ok=True)
    _mount("proc", f"{root}/proc", "proc", MS_NOSUID)
    for path in ("/tmp", "/run", "/dev"):
        _mount("tmpfs", root + path, "tmpfs", MS_NOSUID, "mode=755" if path == "/dev" else "mode=1777")
    os.mkdir(f"{root}/dev/shm", mode=0o1777)
    for name in DEVICES:
        _bind(f"/dev/{name}", f"{root}/dev/{name}")
    for name, target in LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")
    for target, mount in sorted(mounts.items()):  # a nested mount comes after its parent
        if mount["readonly"]:
            _show(mount["source"], target, root, {*mounts} - {target})
        else:
            _bind(mount["source"], root + target)
    _call("sethostname", LIBC.sethostname(spec["hostname"].encode(), len(spec["hostname"].encode())))
    os.chdir(root)
    _call("pivot_root", LIBC.pivot_root(b".", b"."))  # the old root is now mounted over the new one
    _call("umount2", LIBC.umount2(b".", MNT_DETACH))
    os.chdir("/")


def _show(source: str, target: str, root: str, points: set[str]) -> None:
    """Mounts a host file or directory at `target`, read-only. A directory with mount points inside is rebuilt entry by
    entry, so that the mount points can be created.
    """
    if not os.path.isdir(source) or not any(point.startswith(f"{target.rstrip('/')}/") for point in points):
        _bind(source, root + target)
        _readonly(root + target)
        return
    os.makedirs(root + target, exist_ok=True)
    for entry in os.scandir(source):
        path = os.path.join(target, entry.name)
        if path in points:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), root + path)
        elif entry.is_dir() or entry.is_file():
            _show(entry.path, path, root, points)


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT, 0o644))
    _mount(source, target, flags=MS_BIND | MS_REC)


if __name__ == "__main__":
    main()

"""Checks the programs that the scripts need, and their versions."""

from __future__ import annotations

import re
import shutil
import sys
from importlib.util import find_spec

from gke_jobs.preflight.finding import Finding, failed, ok, warning
from gke_jobs.programs import run

LEAST_PYTHON = (3, 10)
MODULES = {"jinja2": "jinja2", "yaml": "PyYAML"}
ALWAYS = ("bash", "setsid", "timeout", "env")
MINOR = re.compile(r"v?1\.(\d{1,4})")
# How to get the version of a program: the command line, and the pattern of the version in its output.
VERSIONS = {
    "kubectl": (("version", "--client", "--output=json"), re.compile(r'"gitVersion": "v?([^"]+)"')),
    "gcloud": (("version", "--format=json"), re.compile(r'"Google Cloud SDK": "([^"]+)"')),
    "gke-gcloud-auth-plugin": (("--version",), re.compile(r"(\S+)\s*$")),
}
FIXES = {
    "kubectl": "install kubectl, or set GKE_JOB_TOOLS to a directory that contains it; see scripts/README.md",
    "gcloud": "install the Google Cloud CLI on this machine; see scripts/README.md",
    "gke-gcloud-auth-plugin": "install it, or set GKE_JOB_TOOLS to a directory that contains it; see scripts/README.md",
}


def check(needs_gcloud: bool) -> list[Finding]:
    """Return the findings about the tools. needs_gcloud: whether it is a GKE cluster."""
    names = ["kubectl", *(["gcloud", "gke-gcloud-auth-plugin"] if needs_gcloud else [])]
    return [_system(), _python(), *(_program(name) for name in names)]


def skew(server: str) -> Finding:
    """Return the finding whether kubectl supports the API server: at most one minor version older or newer."""
    client = version("kubectl")
    ours, theirs = MINOR.match(client), MINOR.match(server)
    if not ours or not theirs:
        return warning(
            "skew", f"kubectl {client}, server {server or 'unknown'}", "compare the versions: kubectl version"
        )
    if abs(int(ours[1]) - int(theirs[1])) > 1:
        return warning(
            "skew",
            f"kubectl {client} is more than one minor version away from the server, {server}",
            f"install kubectl 1.{theirs[1]}",
        )
    return ok("skew", f"kubectl {client}, server {server}")


def version(name: str) -> str:
    """Return the version that a program prints, '' if it prints none."""
    words, pattern = VERSIONS[name]
    found = pattern.search(run([name, *words]).stdout)
    return found[1] if found else ""


def _system() -> Finding:
    missing = [name for name in ALWAYS if not shutil.which(name)]
    if missing:
        return failed("system", f"{' and '.join(missing)} not on PATH", "install bash, coreutils and util-linux")
    if not shutil.which("flock"):
        return warning("system", "flock is not on PATH: files of killed runs are not removed", "install util-linux")
    return ok("system", "bash, coreutils and util-linux are installed")


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    missing = [package for module, package in MODULES.items() if find_spec(module) is None]
    if sys.version_info < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        return failed(
            "python", f"{sys.executable} has version {found}", f"set GKE_JOB_PYTHON to Python {least} or newer"
        )
    if missing:
        fix = f"set GKE_JOB_PYTHON to a Python that has them, or: {sys.executable} -m pip install {' '.join(missing)}"
        return failed("python", f"{sys.executable} lacks {' and '.join(missing)}", fix)
    return ok("python", f"{found} with jinja2 and PyYAML")


def _program(name: str) -> Finding:
    check = "plugin" if name.startswith("gke") else name
    path = shutil.which(name)
    if not path:
        return failed(check, f"{name} is not on PATH", FIXES[name])
    found = version(name)
    if not found:
        return failed(check, f"{path} prints no version: it cannot be run", FIXES[name])
    return ok(check, f"{found}, {path}")

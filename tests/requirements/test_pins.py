"""What is installed is what was locked: every pin has its hashes, and nothing is installed without them."""

import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PINS = sorted(HERE.glob("*.txt"))
PIN = re.compile(r"[a-z0-9][-a-z0-9]*==[^ ]+(?: ; [^\\]+)?(?: --hash=sha256:[0-9a-f]{64})+")
# What installs something: a `pip install` of pip or uv, with the lines that continue it.
INSTALLS = re.compile(r"\bpip install (?:\\\n|.)*")


def pins(file: Path) -> list[str]:
    return re.sub(r" \\\n +", " ", file.read_text()).splitlines()


@pytest.mark.parametrize("file", PINS, ids=lambda file: file.name)
def test_every_line_is_a_version_with_hashes_and_no_line_is_an_address(file):
    assert [line for line in pins(file) if not PIN.fullmatch(line)] == []


def test_every_input_has_its_pins():
    assert {file.stem for file in HERE.glob("*.in")} - {"dev"} == {
        file.stem for file in PINS if not file.stem.startswith("airflow-")
    }


@pytest.mark.parametrize("file", ["Makefile", "tests/conformance/kubectls"])
def test_whatever_installs_packages_checks_hashes_and_builds_with_nothing_else(file):
    commands = INSTALLS.findall((ROOT / file).read_text())
    assert commands
    for command in commands:
        assert "--require-hashes" in command
        assert any(option in command for option in ("--only-binary :all:", "--no-build", "--require-build-hashes")), (
            command
        )


def test_the_packages_of_npm_have_hashes_and_no_addresses():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages.keys() == {f"node_modules/{name}" for name in lock["packages"][""]["devDependencies"]}
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package

"""Repeats tests, and reports which fail how often, with the output of each failure. `make test-repeat` sets PATH.

    tests/repeat.py [--count N] [--filter REGEX] [--cluster localgke|k8s] FILE...

FILE: of bats, or of pytest; --filter: of their titles, as `bats --filter` or `pytest -k` takes it; --cluster: for files
of tests/conformance. Exits with 1 if a test has failed, or a round has ended without a report.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree


def command(options: argparse.Namespace, report: str) -> list[str]:
    """One round; it leaves a report in the format of JUnit in the directory `report`."""
    if options.files[0].endswith(".py"):
        keyword = ["-k", options.filter] if options.filter else []
        return [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}/report.xml", *keyword, *options.files]
    suite = [str(Path(__file__).with_name("conformance") / "run"), options.cluster]
    pattern = ["--filter", options.filter] if options.filter else []
    bats = suite if "conformance" in Path(options.files[0]).parts else ["bats"]
    return [*bats, *pattern, "--report-formatter", "junit", "--output", report, *options.files]


def failures(report: Path) -> dict[str, str]:
    """The output of each test that failed, by its name."""
    cases = ElementTree.parse(report).iter("testcase")
    parts = [(case, part) for case in cases for part in case if part.tag in ("failure", "error")]
    return {f"{case.get('classname')}: {case.get('name')}": part.text or "" for case, part in parts}


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--filter")
    parser.add_argument("--cluster", default="localgke")
    parser.add_argument("files", nargs="+")
    options = parser.parse_intermixed_args()
    failed = defaultdict(list)
    for number in range(1, options.count + 1):
        with tempfile.TemporaryDirectory(prefix="repeat-") as directory:
            done = subprocess.run(command(options, directory), capture_output=True, text=True, check=False)
            found = {name: text for file in Path(directory).glob("*.xml") for name, text in failures(file).items()}
        if done.returncode and not found:
            found = {"the round itself": done.stdout + done.stderr}
        for name, output in found.items():
            failed[name].append(output)
        print(f"round {number}: {', '.join(found) or 'passed'}", flush=True)
    for name, outputs in failed.items():
        print(f"\n{name}: failed {len(outputs)} of {options.count} times", *outputs, sep="\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

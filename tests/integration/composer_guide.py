"""Extracts the commands of dags/COMPOSER.md.

`python composer_guide.py DIRECTORY` writes the parts that need no Google Cloud to DIRECTORY: the console blocks, in
their order, as NN.sh, and the DAG.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "dags" / "COMPOSER.md"
# The commands that the tests run. They replace the variables of `export`; gcloud's parser checks the other commands.
RUNS = re.compile(r"scripts/|cat >|gcloud storage |DAGS=\$\(gcloud composer environments describe ")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    """Return the commands of a console block, each with its continuation lines."""
    return [command.rstrip("\n") for command in re.split(r"^\$ ", block, flags=re.MULTILINE) if command]


def to_run() -> list[str]:
    """Return the console blocks that the tests run, as Bash."""
    found = [commands(block) for block in blocks("console")]
    return ["\n".join(block) + "\n" for block in found if all(RUNS.match(command) for command in block)]


def complaint_of_gcloud(command: str) -> str:
    """Return the error of gcloud's parser for a command, empty without one.

    It uses a hidden command of gcloud for tests of documentation, which may be removed.
    """
    words = re.sub(r"\$\w+", "a-name", command.partition(" -- ")[0])
    line = ["gcloud", "meta", "lint-gcloud-commands", f"--command-string={words}"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    (found,) = json.loads(done.stdout.splitlines()[-1])
    return "" if found["success"] else str(found["error_message"])


def main() -> None:
    directory = Path(sys.argv[1])
    for number, script in enumerate(to_run()):
        (directory / f"{number:02}.sh").write_text(script)
    (dag,) = blocks("python")
    (directory / "first_job.py").write_text(dag)


if __name__ == "__main__":
    main()

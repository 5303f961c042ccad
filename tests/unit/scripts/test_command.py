"""What runs a command of the package."""

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[3] / "scripts/lib"
SAY = """
import sys
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
import command
command.MODULES["say"] = "say"
sys.modules["say"] = SimpleNamespace(main=lambda: print("\\u7cbe") or print("\\u8a13", file=sys.stderr) or 0)
sys.exit(command.main("say"))
"""


@pytest.mark.parametrize("mode", ["utf8=0", "utf8=1"])
def test_what_is_printed_is_utf_8_whatever_the_locale(mode):
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-X", mode, "-S", "-B", "-c", SAY, str(LIBRARY)]
    run = subprocess.run(command, env=environment, capture_output=True)
    assert (run.returncode, run.stdout.decode(), run.stderr.decode()) == (0, "精\n", "訓\n")

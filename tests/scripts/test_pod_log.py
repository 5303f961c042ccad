import os
import signal
import subprocess
import sys
from pathlib import Path

POD_LOG = Path(__file__).parents[2] / "scripts/lib/pod_log.py"


def pod_log(*command: str) -> list[str]:
    return [sys.executable, str(POD_LOG), "a1b2c | ", *command]


def test_every_line_gets_the_prefix_and_a_newline():
    done = subprocess.run(pod_log("printf", "one\\n\\nlast"), capture_output=True, check=True)
    assert done.stdout == b"a1b2c | one\na1b2c | \na1b2c | last\n"


def test_bytes_that_are_no_utf8_and_long_lines_pass_unchanged():
    line = b"\xc3(" + b"x" * 300_000
    program = "import sys; sys.stdout.buffer.write(b'\\xc3(' + b'x' * 300_000)"
    done = subprocess.run(pod_log(sys.executable, "-c", program), capture_output=True, check=True)
    assert done.stdout == b"a1b2c | " + line + b"\n"


def test_a_line_is_there_before_the_command_ends():
    program = "import time; print('first', flush=True); time.sleep(60)"
    with subprocess.Popen(pod_log(sys.executable, "-c", program), stdout=subprocess.PIPE) as reader:
        assert reader.stdout.readline() == b"a1b2c | first\n"
        assert reader.poll() is None
        reader.terminate()


def test_it_ends_with_the_exit_code_of_the_command():
    assert subprocess.run(pod_log("sh", "-c", "exit 3"), check=False).returncode == 3


def test_a_signal_ends_the_command_too():
    command = pod_log("sh", "-c", "echo $$; exec sleep 60")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        child = int(reader.stdout.readline().split()[-1])
        reader.terminate()
        assert reader.wait(timeout=10) == 128 + signal.SIGTERM
    # Ended and waited for by its parent, so the process id is free.
    assert not os.path.exists(f"/proc/{child}")

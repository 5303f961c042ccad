"""The commands that start the scripts."""

from datetime import timedelta

from gke_job import paths
from gke_job.command import command


def test_a_script_is_started_with_bash_and_its_options_by_name():
    argv = command("poll-job", "--context", "7", job="j", start_timeout=timedelta(minutes=2), heartbeat=1.4)
    script = str(paths.script("poll-job"))
    assert argv == ["bash", script, "--context", "7", "--job", "j", "--start-timeout", "120", "--heartbeat", "1"]


def test_an_empty_option_is_left_out_and_a_switch_has_no_value():
    argv = command("poll-job", a=None, b=False, c="", d=0, e=True)
    assert argv[2:] == ["--d", "0", "--e"]

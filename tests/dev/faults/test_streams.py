"""Each fault on running watches and logs, with the real kubectl in front of the stand-in."""

import re

from faults.conftest import GONE, WATCH


def test_end_ends_a_running_watch_cleanly(proxy):
    watch = proxy.running_watch("ended")
    proxy.set("watch:end:now")
    assert watch.end()[0] == 0
    proxy.start(*WATCH).until('"ended"')  # the fault does not apply to a new one


def test_drop_breaks_a_running_watch(proxy):
    watch = proxy.running_watch("broken")
    proxy.set("watch:drop:now")
    status, text = watch.end()
    assert status == 1
    assert text.endswith("error: unexpected EOF\n")


def test_gone_is_the_last_event_of_a_running_watch(proxy):
    watch = proxy.running_watch("outdated")
    proxy.set("watch:gone:now")
    status, text = watch.end()
    assert status == 0
    assert '"type": "ERROR"' in text.splitlines()[-1]
    assert GONE in text.splitlines()[-1]


def test_drop_breaks_a_running_log(proxy):
    log = proxy.running_log("log-broken")
    proxy.set("log:drop:now")
    status, text = log.end()
    assert status == 1
    assert text.endswith("unexpected EOF\n")
    proxy.start("logs", "--follow", "job/log-broken").until("first")  # the fault does not apply to a new one


def test_drop_after_bytes_breaks_a_running_log_in_the_middle_of_a_line(proxy):
    log = proxy.running_log("log-torn", "echo first; while sleep 0.2; do echo second; done")
    proxy.set("log:drop=3:now")
    assert re.search("\nsec(error: )?unexpected EOF\n", log.end()[1])


def test_end_ends_a_running_log_cleanly(proxy):
    log = proxy.running_log("log-ended")
    proxy.set("log:end:now")
    assert log.end() == (0, "first\n")


def test_a_fault_with_a_number_applies_to_the_oldest_streams_first(proxy):
    first, second = (proxy.running_watch(name) for name in ("oldest", "newest"))
    proxy.set("watch:end:1")
    assert first.end()[0] == 0
    assert proxy.create_job("one-more", suspend=True).returncode == 0
    second.until('"one-more"')


def test_blackhole_holds_back_the_events_of_a_running_watch(proxy):
    held = proxy.running_watch("held")
    proxy.set("watch:blackhole:now")
    assert proxy.create_job("kept-back", suspend=True).returncode == 0
    proxy.start(*WATCH).until('"kept-back"')
    assert '"kept-back"' not in held.text
    proxy.clear()
    held.until('"kept-back"')


def test_refuse_cuts_running_streams(proxy):
    watch = proxy.running_watch("cut-off")
    log = proxy.running_log("log-cut-off")
    proxy.set("refuse")
    assert watch.end()[0] == 1
    assert log.end()[0] == 1

"""What becomes of a deferred task when its triggerer dies, by a real triggerer and SIGKILL."""

from __future__ import annotations

from live.processes import wait_for


def test_another_triggerer_takes_over_what_the_one_that_was_killed_has_waited_for(airflow):
    airflow.trigger("deferred")
    wait_for(lambda: airflow.triggerer_of("deferred", "task"), lambda: f"a triggerer waits: {airflow.triggerer.said()}")
    airflow.triggerer.kill()
    (airflow.home / "flag").touch()
    airflow.triggerer.start()
    wait_for(
        lambda: airflow.state("deferred", "task")[0] == "success",
        lambda: f"the task is resumed: {airflow.state('deferred', 'task')} {airflow.triggerer.said()}",
    )
    assert "resumed" in airflow.log("deferred", "task")

"""What becomes of the Job of a deferred task when its triggerer is stopped or dies, and of its events."""

from __future__ import annotations

from live.processes import wait_for
from live.runs import Airflow, uid_of
from live.waits import wait_for_state, wait_until_deferred, watches

DAG_ID = "waits_over_triggerers"


def test_another_triggerer_takes_over_and_the_job_goes_on(airflow: Airflow):
    airflow.trigger(DAG_ID)
    wait_until_deferred(airflow, DAG_ID)
    uid, first = uid_of(DAG_ID), airflow.triggerer_of(DAG_ID, "job")

    airflow.triggerer.kill()
    airflow.triggerer.start()
    wait_for(
        lambda: airflow.triggerer_of(DAG_ID, "job") not in (None, first),
        lambda: f"another triggerer takes over from one that was killed: {airflow.triggerer.said()}",
    )
    second = airflow.triggerer_of(DAG_ID, "job")
    wait_for(lambda: watches(airflow) == 1, lambda: f"it watches: {airflow.triggerer.said()}")

    airflow.triggerer.stop()
    wait_for(airflow.triggerer.has_ended, lambda: f"the triggerer ends: {airflow.triggerer.said()}")
    airflow.triggerer.start()
    wait_for(
        lambda: airflow.triggerer_of(DAG_ID, "job") not in (None, second),
        lambda: f"another triggerer takes over from one that was stopped: {airflow.triggerer.said()}",
    )
    assert uid_of(DAG_ID) == uid
    assert airflow.state(DAG_ID, "job") == ("deferred", 1)

    airflow.clear(DAG_ID, "job")
    wait_for_state(airflow, DAG_ID, "success")

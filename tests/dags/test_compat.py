from importlib.metadata import version

from gke_job import compat


def test_the_bash_operator_is_the_one_of_this_airflow():
    major = version("apache-airflow").split(".")[0]
    home = {"2": "airflow.operators.bash", "3": "airflow.providers.standard.operators.bash"}[major]
    assert compat.BashOperator.__module__ == home
    assert compat.Context.__name__ == "Context"

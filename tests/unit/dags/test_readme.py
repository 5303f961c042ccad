import re
import textwrap
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"


def test_the_dag_of_the_readme_can_be_loaded():
    (code,) = re.findall(r"^   ```python\n(.*?)^   ```", README.read_text(), re.DOTALL | re.MULTILINE)
    if version("apache-airflow").startswith("2."):
        code = code.replace("airflow.sdk", "airflow.decorators")
    scope = {}
    exec(compile(textwrap.dedent(code).replace("\nhello()\n", "\nmade = hello()\n"), README, "exec"), scope)
    assert scope["made"].task_ids == ["hello", "next"]
    assert scope["made"].get_task("next").upstream_task_ids == {"hello"}


def test_the_first_dag_of_the_guide_for_composer_has_retries_and_a_failure_callback():
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "dags/COMPOSER.md").read_text(), re.DOTALL | re.MULTILINE)
    if version("apache-airflow").startswith("2."):
        code = code.replace("airflow.sdk", "airflow.decorators")
    scope = {}
    exec(code.replace("\nfirst_job()\n", "\nmade = first_job()\n"), scope)
    task = scope["made"].get_task("hello")
    assert task.retries == 2
    assert task.on_failure_callback in (scope["alert"], [scope["alert"]])


def test_the_description_of_a_model_in_the_readme_of_the_dags_makes_a_dag():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "dags" / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (code,) = [block for block in blocks if "training_dag(" in block]
    scope = {"notifier": print}
    exec(code.replace("\ntraining_dag(", "\nmade = training_dag("), scope)
    assert scope["made"].dag_id == "train_churn"
    assert sorted(scope["made"].task_ids) == ["evaluate", "measure", "train"]

import re
import textwrap
from importlib.metadata import version
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_dag_of_the_readme_is_a_dag():
    (code,) = re.findall(r"^   ```python\n(.*?)^   ```", README.read_text(), re.DOTALL | re.MULTILINE)
    if version("apache-airflow").startswith("2."):
        code = code.replace("airflow.sdk", "airflow.decorators")
    scope = {}
    exec(compile(textwrap.dedent(code).replace("\nhello()\n", "\nmade = hello()\n"), README, "exec"), scope)
    assert scope["made"].task_ids == ["hello", "next"]
    assert scope["made"].get_task("next").upstream_task_ids == {"hello"}

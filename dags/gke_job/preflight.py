"""The operator that checks on a worker whether Jobs can run."""

from __future__ import annotations

from typing import Any

from . import paths
from .command import command
from .compat import Context, conf
from .operator import GkeJobOperator
from .run_directory import RunDirectory


class CheckGkeSetup(GkeJobOperator):
    """Runs `scripts/check-setup` on the worker of the task: it checks tools, account, endpoint, rights and node pools.

    Each finding is a line of the log. A finding that needs attention is a warning with the fix. The XCom `findings` has
    all of them: a list of dicts of strings, `check`, `state` (`ok`, `warning` or `failed`), `found` and `fix`. The task
    fails when a check has failed. Workers of other queues and the triggerer may differ from this worker.

    :param profiles_in_use: names of the profiles to check, separated by commas; by default all (templated)
    :param kwargs: `cluster`, `namespace`, `profiles`, and the arguments of BashOperator
    """

    template_fields = ("cluster", "namespace", "profiles", "profiles_in_use")
    operator_extra_links = ()

    def __init__(self, *, profiles_in_use: str = "", **kwargs: Any) -> None:
        super().__init__(template="", **kwargs)
        self.profiles_in_use = profiles_in_use

    def execute(self, context: Context) -> None:
        """Runs check-setup.

        :raises AirflowException: a check has failed
        """
        self.log.info("gke-job %s", paths.version())
        slots = conf.getint("celery", "worker_concurrency") if "Celery" in conf.get("core", "executor") else None
        argv = command(
            "check-setup",
            *self.cluster_arguments,
            namespace=self.namespace,
            profile=self.profiles_in_use,
            profiles=self.profiles,
            worker_slots=slots,
        )
        directory = RunDirectory()
        try:
            self.runner.run(argv, directory, variables=self.get_env(context), cluster=" ".join(self.cluster_arguments))
        finally:
            findings = directory.read_json("findings").get("findings", [])
            directory.remove()
            if self.do_xcom_push:
                context["ti"].xcom_push(key="findings", value=findings)

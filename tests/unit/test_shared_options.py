"""An option that several files name is the same in all of them: Bash lists, the follower, the operator, GkeCluster."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

from gke_job.cluster import ENDPOINTS, GkeCluster
from gke_jobs.following import follower

REPOSITORY = Path(__file__).resolve().parents[2]
FOLLOW, ACCESS = "scripts/lib/bash/follow.bash", "scripts/lib/bash/access.bash"
CLUSTER = "dags/gke_job/cluster.py"


def bash_list(file: str, name: str) -> set[str]:
    """The words of a list of a Bash file."""
    found = re.search(rf'\b{name}="([^"]*)"', (REPOSITORY / file).read_text())
    assert found, f"{file} does not set {name}"
    return {*found[1].split()}


def test_the_follower_takes_the_options_that_follow_job_passes_on():
    parser = argparse.ArgumentParser()
    follower._add_options(parser)
    known = {word.removeprefix("--") for action in parser._actions for word in action.option_strings}
    lists = ("LIMIT_OPTIONS", "FOLLOW_OPTIONS", "CHECK_OPTIONS")
    unknown = {option for name in lists for option in bash_list(FOLLOW, name)} - known
    assert unknown == set(), f"{FOLLOW} names options that scripts/lib/gke_jobs/following/follower.py does not take"


def test_a_cluster_has_a_field_for_each_way_to_reach_it():
    fields = {field.name.replace("_", "-") for field in dataclasses.fields(GkeCluster)}
    options = bash_list(ACCESS, "ACCESS_OPTIONS") | bash_list(ACCESS, "ACCESS_FLAGS")
    copies = f"{ACCESS} and GkeCluster in {CLUSTER} have other options"
    assert options - {"cluster"} == fields - {"name", "context"}, copies


def test_a_cluster_has_the_endpoints_of_the_scripts():
    copies = f"ENDPOINTS of {CLUSTER} is not ACCESS_FLAGS of {ACCESS}"
    assert {*ENDPOINTS.values()} == bash_list(ACCESS, "ACCESS_FLAGS"), copies

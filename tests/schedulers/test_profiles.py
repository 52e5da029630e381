"""Each profile is read by Snakemake and by the plugin of its executor, in a dry run."""

import importlib.util
import re

import pytest
import yaml
from tests.workflow.project import REPOSITORY, Project
from tests.workflow.test_staleness import FUNCTION

from isoloss.pipeline.cluster import GROUPS

PROFILES = REPOSITORY / "workflow" / "profiles"
CLUSTERS = sorted(path.name for path in PROFILES.iterdir() if path.name != "default")


def settings(name):
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


def skip_without_plugins(name):
    found = settings(name)
    plugins = [f"executor-plugin-{found['executor']}"]
    if provider := found.get("default-storage-provider"):
        plugins.append(f"storage-plugin-{provider}")
    for plugin in (f"snakemake-{name}" for name in plugins):
        if not importlib.util.find_spec(plugin.replace("-", "_")):
            pytest.skip(f"{plugin} is not installed")


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_profile_groups_short_runs_and_tries_again(name):
    found = settings(name)
    assert found["executor"] == name
    assert found["cores"] == 1
    assert found["retries"] == 2
    assert [group.split("=")[0] for group in found["group-components"]] == list(GROUPS)


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_dry_run_with_the_profile_plans_all_runs_in_one_group(name, tmp_path, request):
    skip_without_plugins(name)
    project = Project(tmp_path / "project", {"sine": FUNCTION})
    options = ["--dry-run", "--profile", str(PROFILES / name)]
    if "default-storage-provider" in settings(name):
        request.getfixturevalue("bucket")
        options += ["--default-storage-prefix", "s3://bucket/isoloss"]
    done = project.snakemake(*options)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("Group job short") == 1
    assert re.search(r"^train +4$", said, re.MULTILINE)

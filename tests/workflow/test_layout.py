"""The workflow starts from each place that the Snakemake workflow catalog knows."""

import copy
import re

import pytest
import yaml
from tests.workflow.project import REPOSITORY, SNAKEFILE, Project
from tests.workflow.test_staleness import FUNCTION

STATS = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
PARENT = """
module isoloss:
    snakefile:
        "{snakefile}"
    config:
        {config}


use rule * from isoloss as scaling_*


rule paper:
    default_target: True
    input:
        rules.scaling_all.input,
    output:
        "paper.txt",
    shell:
        "echo done > {{output}}"
"""


@pytest.fixture
def project(tmp_path):
    study = copy.deepcopy(FUNCTION)
    study["figures"] = study["figures"][:1]
    return Project(tmp_path / "my project", {"sine": study})


def dry_run(project, snakefile):
    """What Snakemake says of what it would do."""
    done = project.snakemake("--dry-run", "--printshellcmds", snakefile=snakefile)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def jobs(text):
    """The jobs of a dry run, by rule."""
    return {rule: int(count) for rule, count in STATS.findall(text)}


def test_the_snakefile_of_the_root_plans_what_that_of_the_workflow_plans(project):
    """Snakemake takes its default target from the first of two: an include alone has none."""
    standard = jobs(dry_run(project, SNAKEFILE))
    root = jobs(dry_run(project, REPOSITORY / "Snakefile"))
    assert standard.pop("all") == root.pop("default") == 1
    assert standard == root
    assert standard["train"] > 1


def test_both_places_find_the_default_profile():
    """It is found beside the Snakefile: in workflow/, and by a link in the root."""
    profile = SNAKEFILE.parent / "profiles" / "default" / "config.yaml"
    assert profile.is_file()
    assert (REPOSITORY / "profiles" / "default" / "config.yaml").resolve() == profile.resolve()


def test_another_workflow_uses_it_as_a_module(project):
    """Its rules get names of the other's choice, and its config is what the other gives it."""
    standard = jobs(dry_run(project, SNAKEFILE))
    parent = project.folder / "Snakefile"
    config = yaml.safe_load((project.folder / "config" / "config.yaml").read_text())
    config["results"] = "results/laws"
    parent.write_text(PARENT.format(snakefile=SNAKEFILE, config=repr(config)))
    said = dry_run(project, parent)
    assert "results/laws/report.html" in said
    as_module = jobs(said)
    assert as_module.pop("paper") == standard.pop("all") == 1
    total = as_module.pop("total"), standard.pop("total")
    assert total[0] == total[1]
    assert as_module == {f"scaling_{rule}": count for rule, count in standard.items()}


def test_the_catalog_finds_what_its_standard_asks_for():
    """https://snakemake.github.io/snakemake-workflow-catalog: standardized usage."""
    catalog = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())
    assert set(catalog["usage"]) <= {
        *("mandatory-flags", "software-stack-deployment", "report", "template"),
    }
    assert set(catalog["usage"]["mandatory-flags"]) == {"desc", "flags"}
    assert set(catalog["usage"]["software-stack-deployment"]) <= {
        *("conda", "singularity", "apptainer", "singularity+conda", "apptainer+conda"),
    }
    for name in ("workflow/Snakefile", "config/README.md", "config/config.yaml", "README.md"):
        assert (REPOSITORY / name).is_file()
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme

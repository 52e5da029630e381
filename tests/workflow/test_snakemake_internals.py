"""Snakemake's undocumented attributes: each is there, and one module alone uses them."""

import ast
import io
import json
import logging
import re
import subprocess
import sys
import tokenize

import pytest
import snakemake.exceptions
from snakemake.settings.types import OutputSettings
from tests.test_imports import MODULES, PACKAGE, imports_of
from tests.workflow.project import REPOSITORY, SNAKEFILE, run_module

from isoloss.pipeline import snakemake_internals
from isoloss.pipeline.snakemake_internals import USED

RULES = [SNAKEFILE, *sorted((SNAKEFILE.parent / "rules").glob("*.smk"))]
OWNER = "isoloss.pipeline.snakemake_internals"
# In the documentation of Snakemake, or of its logger plugins.
DOCUMENTED = {
    *("snakemake.exceptions", "snakemake.logging", "snakemake.utils"),
    *("snakemake_interface_logger_plugins.base", "snakemake_interface_logger_plugins.common"),
}
# What the Snakefile needs before it can import anything of isoloss.
BEFORE_ISOLOSS = {"current_basedir"}
HEAD = f"""
import json
import sys
from pathlib import Path

sys.path[:0] = {[str(REPOSITORY), str(SNAKEFILE.parent)]!r}
from isoloss.pipeline.snakemake_internals import Snakemake
from isoloss.runtime.folder_lock import SNAKEMAKE_LOCKS
from tests.workflow.test_snakemake_internals import missing

SNAKEMAKE = Snakemake(workflow)
"""
ONE_JOB = """
rule made:
    input:
        "needed",
    output:
        "made",
    shell:
        "echo made > {output}"


onstart:
    (job,) = SNAKEMAKE.unfinished_jobs()
    found = {
        "missing": missing({"workflow": workflow, "job": job, "output": job.output[0]}),
        "locks": len(list(Path(".snakemake").glob(SNAKEMAKE_LOCKS))),
        "kind": [
            SNAKEMAKE.is_main_process,
            SNAKEMAKE.is_dry_run,
            SNAKEMAKE.is_submitted,
            SNAKEMAKE.runs_jobs_itself,
        ],
        "group_components": dict(SNAKEMAKE.group_components),
        "failed": len(SNAKEMAKE.failed_jobs()),
    }
    SNAKEMAKE.mark_incomplete(job)
    found["marked"] = [path.is_file() for path in Path(".snakemake/incomplete").iterdir()]
    Path("found.json").write_text(json.dumps(found))
"""
ANOTHER_INPUT = """
def inputs(wildcards):
    record = workflow.persistence._read_record("made")
    Path("missing.json").write_text(json.dumps(missing({"record": record})))
    if config["forget"]:
        SNAKEMAKE.forget_inputs(["made"])
    return ["needed", "other"]


rule made:
    input:
        inputs,
    output:
        "made",
    shell:
        "echo made > {output}"
"""


def missing(roots):
    """The attributes of USED that objects lack: none is asked for its value."""
    found = []
    for place, names in USED.items():
        root, *path = place.split(".")
        if root not in roots:
            continue
        owner = roots[root]
        try:
            for name in path:
                owner = getattr(owner, name)
        except AttributeError:
            continue  # told as missing in the object before
        known = {*dir(type(owner)), *attributes_of(owner)}
        known |= {f"[{key}]" for key in owner} if hasattr(type(owner), "keys") else set()
        where = f"{type(owner).__module__}.{type(owner).__qualname__}"
        found += [f"{where} has no {name} ({place})" for name in names if name not in known]
    return found


def attributes_of(owner):
    """The names of an object's own attributes, also of one that has an attribute of any name."""
    try:
        return object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return ()


def run_snakemake(folder, rules, *arguments):
    """Run Snakemake in a folder with these rules; return what it says."""
    (folder / "Snakefile").write_text(HEAD + rules)
    done = run_module("snakemake", ["--cores", "1", *arguments], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which Snakemake has run one job."""
    made = tmp_path_factory.mktemp("one job")
    for name in ("needed", "other"):
        (made / name).touch()
    run_snakemake(made, ONE_JOB, "--group-components", "short=3")
    return made


@pytest.fixture(scope="module")
def found(folder):
    """What Snakemake has said of itself at the start."""
    return json.loads((folder / "found.json").read_text())


def test_the_installed_snakemake_has_every_attribute_that_is_used(found):
    assert found["missing"] == [], "change isoloss/pipeline/snakemake_internals.py"


def test_a_missing_attribute_is_named_with_its_class():
    class Workflow:
        dag = None

    named = missing({"workflow": Workflow()})
    assert any(re.fullmatch(r"\S+Workflow has no persistence \(workflow\)", one) for one in named)
    assert not any("no dag " in one for one in named)


def test_snakemake_locks_a_folder_by_the_files_that_are_removed_as_stale(found):
    assert found["locks"] == 2  # of its inputs, of its outputs


def test_snakemake_says_of_itself_what_the_command_line_says(found):
    main, dry_run, submitted, itself = found["kind"]
    assert (main, bool(dry_run), submitted, itself) == (True, False, False, True)
    assert found["group_components"] == {"short": 3}
    assert found["failed"] == 0
    assert found["marked"] == [True]


def test_another_set_of_inputs_is_no_reason_to_rerun_once_the_inputs_are_forgotten(folder):
    for forget, said in ((0, "Set of input files has changed"), (1, "Nothing to be done")):
        options = ("--dry-run", "--config", f"forget={forget}")
        assert said in run_snakemake(folder, ANOTHER_INPUT, *options)
        assert json.loads((folder / "missing.json").read_text()) == []


def test_every_attribute_that_the_module_uses_is_listed():
    """So that the installed Snakemake is asked for it."""
    variables = {"persistence": "workflow.persistence", "record": "record", "first": "record"}
    tree = ast.parse((PACKAGE / "pipeline" / "snakemake_internals.py").read_text())
    used = set()
    for node in ast.walk(tree):
        names, inner = [], node
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        root = inner.id if isinstance(inner, ast.Name) else None
        if root == "self" and names[:1] == ["_workflow"]:
            names = ["workflow", *names[1:]]
        elif root in variables:
            names = [variables[root], *names]
        else:
            continue
        used |= {(".".join(names[:end]), names[end]) for end in range(1, len(names))}
    listed = {(place, name) for place, names in USED.items() for name in names}
    assert len(used) > 15
    assert used <= listed


def test_no_rule_uses_an_undocumented_attribute_or_hands_the_workflow_on():
    """Modules see it only if a rule gives it to them."""
    uses = set()
    for path in RULES:
        with path.open("rb") as file:
            words = [token.string for token in tokenize.tokenize(file.readline)]
        places = [place for place, word in enumerate(words) if word == "workflow"]
        uses |= {(path.name, "".join(words[place - 1 : place + 3])) for place in places}
    assert uses - {("Snakefile", f"(workflow.{name}") for name in BEFORE_ISOLOSS} == {
        ("Snakefile", "(workflow)\n")
    }


def test_what_is_imported_from_snakemake_is_documented():
    plugin = SNAKEFILE.parent / "snakemake_logger_plugin_isoloss"
    python = [path for name, path in MODULES.items() if name != OWNER]
    imported = {name for path in [*plugin.glob("*.py"), *python] for name in imports_of(path)}
    for path in RULES:
        imported |= set(re.findall(r"^from (snakemake[\w.]*) import", path.read_text(), re.M))
    theirs = {name for name in imported if name.startswith("snakemake")}
    assert {name for name in theirs if not name.startswith(plugin.name)} <= DOCUMENTED


def test_snakemakes_own_log_handler_takes_the_settings_that_a_plugin_gets():
    stream = io.StringIO()
    handler = snakemake_internals.terminal_handler(OutputSettings(nocolor=True), stream)
    handler.handle(logging.makeLogRecord({"msg": "a warning", "levelno": logging.WARNING}))
    assert "a warning" in stream.getvalue()


def test_a_locked_folder_is_the_error_that_the_log_handler_looks_for():
    assert hasattr(snakemake.exceptions, snakemake_internals.LOCK_ERROR)


def test_a_plugin_that_is_not_used_costs_no_import_of_the_pipeline():
    """Snakemake imports every logger plugin of an environment, whatever the workflow."""
    script = "import sys, snakemake_logger_plugin_isoloss; print('isoloss.pipeline' in sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=SNAKEFILE.parent, capture_output=True, text=True, check=False
    )
    assert done.stdout == "False\n", done.stderr

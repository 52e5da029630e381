"""Every command that reads a config refuses a mistake in the same words, and starts nothing."""

import copy
import re

import pytest
from tests.config.test_border import DRAWN, LANGUAGE, PLANTED, TABLE, changed
from tests.workflow.project import Project

from isoloss.cli.main import main

STUDIES = {"drawn": DRAWN, "language": LANGUAGE, "planted": PLANTED, "table": TABLE}
MISTAKES = {
    "drawn": [
        ("fits/0/law", "pwoer_law", "fits.f.law: got 'pwoer_law'; did you mean 'power_law'?"),
        ("fits/1/variables/x", "n_parms", "fits.h.variables.x: got 'n_parms'; did you mean "),
        ("figures/0/series", {"withs": "runs"}, "figures.g: sweeps: got 'withs'; did you mean "),
        ("figures/2/size", "lwas", "figures.k: size: there is no 'lwas', needed is an "),
    ],
    "language": [
        ("settings/task/corpus", "boks", "settings.task.corpus: unknown corpus 'boks', there are "),
    ],
    "planted": [
        ("parameters", {"A": 4.0, "B": 4.0, "E": 1.0, "alhpa": 0.3, "beta": 0.3}, "parameters"),
    ],
    "table": [("path", "gone.csv", "path: there is no file gone.csv")],
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one study of each kind, without a mistake."""
    made = Project(tmp_path, copy.deepcopy(STUDIES))
    (tmp_path / "book.txt").write_text("a line of text\n" * 1000)
    (tmp_path / "mine.csv").write_text("N,D,loss\n1e7,1e9,3.0\n")
    monkeypatch.chdir(tmp_path)
    return made


def problems(text):
    """The lines of a message that name a mistake."""
    return re.findall(r"^  - (.*)$", text, flags=re.MULTILINE)


def test_all_mistakes_of_all_studies_are_said_at_once_and_alike(project, capsys):
    for name, mistakes in MISTAKES.items():
        for path, value, _ in mistakes:
            project.studies[name] = changed(project.studies[name], path, value)
    project.write()
    dry = project.snakemake("--dry-run")
    assert dry.returncode == 1
    by_snakemake = problems(dry.stdout + dry.stderr)
    for name, mistakes in MISTAKES.items():
        for _, _, said in mistakes:
            assert any(problem.startswith(f"{name}: {said}") for problem in by_snakemake), said
    for command in (["plan", "--machine", "gpu"], ["retrain"]):
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert problems(err) == by_snakemake
    assert not (project.folder / "results").exists()


def test_a_study_that_cannot_be_read_hides_no_mistake_of_another(project, capsys):
    project.studies["table"] = changed(TABLE, "path", 3)
    project.studies["drawn"] = changed(DRAWN, "fits/0/law", "pwoer_law")
    project.write()
    assert main(["plan", "--machine", "gpu"]) == 2
    said = problems(capsys.readouterr().err)
    assert [problem.split(":")[0] for problem in said] == ["table", "drawn"]


def test_changes_on_the_command_line_are_read_alike_by_all_commands(project, capsys):
    """A file of changes and, for Snakemake, changes in the command itself, which prevail."""
    project.write()
    change = project.folder / "change.yaml"
    change.write_text("overrides: {drawn: {fits: [{name: f, law: pwoer_law, variables: {}}]}}\n")
    for command in ("plan", "retrain"):
        assert main([command, "--configfile", str(change)]) == 2
    err = capsys.readouterr().err
    dry = project.snakemake("--dry-run", "--configfile", str(change))
    assert set(problems(err)) == set(problems(dry.stdout + dry.stderr)) != set()
    cured = ("--config", "studies=[planted]", "overrides={drawn: {}}")
    other = project.snakemake("--dry-run", "--configfile", str(change), *cured)
    assert problems(other.stdout + other.stderr) == ["overrides.drawn: is not one of the studies"]


def test_a_corpus_that_is_not_at_hand_is_planned_and_not_run(project, capsys):
    (project.folder / "book.txt").unlink()
    project.write()
    assert main(["plan", "--machine", "gpu"]) == 0
    assert "not at hand: the corpus books" in capsys.readouterr().out
    assert main(["retrain"]) == 2
    (said,) = problems(capsys.readouterr().err)
    assert said.startswith("language: corpora.books: paths[0]: there is no file 'book.txt'")


def test_a_second_option_configfile_is_refused_and_numbers_in_options_are_numbers(project, capsys):
    (project.folder / "a.yaml").write_text("budget: {runs: 50}\n")
    twice = project.snakemake("--dry-run", "--configfile", "a.yaml", "--configfile", "a.yaml")
    assert twice.returncode == 1
    assert "--configfile is given twice" in twice.stdout + twice.stderr
    few = project.snakemake("--dry-run", "--config", 'budget={"runs": 1}')
    assert problems(few.stdout + few.stderr) != []
    assert "integer" not in few.stdout + few.stderr
    assert "budget.runs" in few.stdout + few.stderr


def test_a_corpus_that_is_there_and_too_long_is_a_mistake_in_a_plan_too(project, capsys):
    spec = LANGUAGE["corpora"]["books"] | {"max_bytes": 10}
    project.studies["language"] = changed(LANGUAGE, "corpora/books", spec)
    project.write()
    assert main(["plan", "--machine", "gpu"]) == 2
    (said,) = problems(capsys.readouterr().err)
    assert said == "language: corpora.books: max_bytes: 10, but the text has 15,000"

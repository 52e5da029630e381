"""The pages for students, researchers and engineers: commands run, and print what is quoted."""

import contextlib
import functools
import io
import json
import re
import shlex
from pathlib import Path

import pytest

from isoloss.cli.main import main

DOCS = Path(__file__).parents[1] / "docs"
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
PAGES = ["for-students", "for-researchers", "for-engineers"]


@functools.cache  # two pages share a command; those that need another's file stand on one page
def lines_of(command: str) -> list[str]:
    """The lines that a command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(shlex.split(command)) == 0, command
    return out.getvalue().splitlines()


def answers_of_the_notebook() -> set[str]:
    """What the engineer's notebook is answered, which asks the same as the page."""
    content = json.loads((DOCS / "notebooks" / "engineer.ipynb").read_text(encoding="utf-8"))
    shown = [output["data"]["text/plain"] for cell in content["cells"]
             for output in cell.get("outputs", ()) if "data" in output]  # fmt: skip
    lines = {line.rstrip("\n") for text in shown for line in text}
    found = {line for line in lines if line.startswith("answer: ")}
    assert len(found) == 7  # of a comparison, and of laws averaged without and with inference
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_the_page_runs_and_prints_what_the_page_quotes(
    name, tmp_path, monkeypatch
):
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    (tmp_path / "docs").symlink_to(DOCS)
    monkeypatch.chdir(tmp_path)
    printed: list[str] = []
    for command in re.findall(r"^```sh\nisoloss (.+)\n```$", page, re.MULTILINE):
        printed += lines_of(command)
    if name == "for-engineers":
        assert answers_of_the_notebook() <= set(printed)
    quoted = re.findall(r"^```text\n(.+?)\n```$", page, re.MULTILINE | re.DOTALL)
    assert quoted
    for block in quoted:
        assert set(block.splitlines()) <= set(printed), block


@pytest.mark.parametrize("name", PAGES)
def test_other_commands_are_those_of_the_readme_which_other_tests_run(name):
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    (?=[a-z])(.+)$", page, re.MULTILINE)
    assert [command for command in commands if command not in README] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_with_what_the_reader_has_and_ends_with_a_decision(name):
    headings = re.findall(
        r"^#+ (.+)$", (DOCS / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert re.match("You (have|want)", headings[0])
    assert headings[-1] == "Decide"
    assert f"docs/{name}.md" in README.partition("## On a laptop")[0]

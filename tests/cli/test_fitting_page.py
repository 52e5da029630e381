"""Every command of docs/fitting.md runs, and what the page says of the results is so."""

import re
import shlex
from pathlib import Path

import pytest
from tests.published import REFITTED, published

from isoloss.cli.main import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "fitting.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\nisoloss (.+)\n```", PAGE)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each command of the page prints, run in order beside the project's config."""
    mirror = published(*REFITTED)
    import contextlib
    import io

    folder = tmp_path_factory.mktemp("page")
    (folder / "config").symlink_to(ROOT / "config")
    table = folder / "results" / "audit" / "epoch-chinchilla.csv"
    table.parent.mkdir(parents=True)  # the first command would download it there
    table.write_bytes((mirror / "epoch-chinchilla" / "svg_extracted_data.csv").read_bytes())
    texts = {}
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        for command in COMMANDS:
            if command == "audit":
                patch.setenv("ISOLOSS_MIRROR", str(mirror))
            fewer = ["--draws", "100"] if command == "audit" else []
            with contextlib.redirect_stdout(io.StringIO()) as out:
                assert main([*shlex.split(command), *fewer]) == 0, command
            texts[command] = out.getvalue()
    return texts


def test_there_are_commands_on_the_page():
    assert len(COMMANDS) == 10


def test_the_page_quotes_what_the_commands_print(printed):
    whole = next(text for command, text in printed.items() if command.endswith("--law chinchilla"))
    assert "64 of 64 starts agree" in whole
    assert "verdict: identified" in whole
    assert "without rows 1, 2, 3, 4, 5 beta is 0.367" in whole
    without = printed[next(c for c in COMMANDS if c.endswith("--without 1-5"))]
    assert "influence" not in without
    assert "477.8" in without


def test_tokens_per_parameter_are_those_on_the_page(printed):
    rows = [
        line.split()
        for line in printed[next(c for c in COMMANDS if c.startswith("optimal"))].splitlines()
        if "D*/N*" in line
    ]
    assert [round(float(number)) for number in rows[0][1:2]] == [22]
    assert [round(float(number)) for number in rows[1][2:4]] == [9, 30]


def test_answers_are_those_on_the_page(printed):
    table, saved = (text for command, text in printed.items() if command.startswith("predict"))
    assert "it takes at least 2.8e+22 FLOP" in table
    assert "this saves 59" in saved
    assert "D/N = 65" in saved


def test_the_examples_in_python_run(tmp_path, monkeypatch, capsys):
    """One after the other, as a reader would."""
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL)
    names, printed = {}, []
    for example in examples:
        exec(compile(example, "docs/fitting.md", "exec"), names)
        printed.append(capsys.readouterr().out.rstrip())
    first, second = printed
    assert first.endswith(" identified")
    assert second.startswith("L = E + A / w**alpha   [this page]\nlaw own; 6 rows; objective lsq")
    assert (tmp_path / "own.png").stat().st_size
    assert names["again"].summary() == second

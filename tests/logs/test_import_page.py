"""docs/import.md: its example runs, its commands do what it says, and its tables are complete."""

import contextlib
import re
import shlex
from pathlib import Path

from tests.logs.imports import said

from isoloss.logs import table
from isoloss.logs.find import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\nisoloss (.+)\n```", PAGE)
QUOTED = re.findall(r"```text\n(.+?)```", PAGE, flags=re.DOTALL)


def test_the_page_quotes_what_its_commands_print(tmp_path):
    (example,) = re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL)
    with contextlib.chdir(tmp_path):
        exec(compile(example, "docs/import.md", "exec"), {})
        refused, imported, fitted = (said(*shlex.split(command)) for command in COMMANDS)
    assert refused == (2, "", QUOTED[0])
    assert imported == (0, QUOTED[1], "")
    assert (fitted[0], fitted[2]) == (0, "")
    assert QUOTED[2] in fitted[1]
    assert "25 rows are checkpoints of 5 runs (column 'run_id')" in fitted[1]
    assert "verdict: identified" in fitted[1]


def test_the_page_names_every_column_and_every_format():
    rows = re.findall(r"^\| (.+?) \|", PAGE, flags=re.MULTILINE)
    columns = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert columns >= set(table.COLUMNS)
    names = {re.sub(r"\W", "", row).lower() for row in rows} | {"printed"}
    spelt = {"huggingface": "huggingface", "lm-eval": "lmeval", "wandb": "wb"}
    assert {spelt.get(form, form) for form in FORMATS} <= names

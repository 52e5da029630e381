"""Scripts about other tools are not run here; what their first lines promise is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "findings").glob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_finding_pins_what_it_installs_and_names_a_test_that_is_there(script):
    text = script.read_text()
    installed = re.search(r"pip\" install --quiet (.*?[^\\])\n", text, re.DOTALL).group(1)
    assert all("==" in package for package in installed.replace("\\\n", " ").split())
    assert "import isoloss" not in text
    header = text.split("set -euo pipefail")[0]
    (path,) = re.findall(r"tests/[\w/]+\.py", header)
    tests = (ROOT / path).read_text()
    assert all(f"def {name}(" in tests for name in re.findall(r"test_\w+(?!\w|\.py)", header))


def test_there_are_findings():
    assert SCRIPTS

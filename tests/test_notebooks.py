"""The notebooks' cells, run one after the other in this process, give the outputs they show.

No kernel is started. A figure is only made, and numbers may differ in the third digit.
"""

import ast
import contextlib
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?(?![\w])")
MOST_BYTES = 300_000


def cells(notebook: Path):
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def shown(cell) -> str:
    """The text of a cell's outputs, as the notebook has it."""
    texts = []
    for output in cell["outputs"]:
        assert output["output_type"] != "error"
        texts += output.get("text", output.get("data", {}).get("text/plain", []))
        texts.append("\n")
    return "".join(texts)


def run(source: str, names: dict) -> tuple[str, object]:
    """Run a cell; what it prints and shows as text, and its last value."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(tree, "cell", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    return out.getvalue() + ("" if value is None else repr(value)), value


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_run_in_one_process_and_print_what_the_notebook_shows(
    notebook, tmp_path, monkeypatch
):
    for table in notebook.parent.glob("*.csv"):
        shutil.copy(table, tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in cells(notebook):
        said, value = run("".join(cell["source"]), names)
        there = [output.get("data", {}) for output in cell["outputs"]]
        if type(value).__name__ == "Figure":
            assert any("image/png" in data for data in there)
            continue
        assert NUMBER.sub("#", said).split() == NUMBER.sub("#", shown(cell)).split()
        numbers = ([float(x.replace(",", "")) for x in NUMBER.findall(text)]
                   for text in (said, shown(cell)))  # fmt: skip
        np.testing.assert_allclose(*numbers, rtol=0.005, err_msg=said)
        if hasattr(value, "_repr_html_"):
            assert any("text/html" in data for data in there)
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for path in notebook.parent.glob("*.csv")
    }


def test_there_is_a_small_notebook_for_each_kind_of_user():
    assert [path.stem for path in NOTEBOOKS] == ["engineer", "researcher", "student"]
    assert all(path.stat().st_size < MOST_BYTES for path in NOTEBOOKS)


def test_a_plot_shows_itself_where_pyplot_was_never_imported():
    """A kernel draws figures of pyplot alone; it asks others for their picture."""
    import isoloss

    n = np.geomspace(1e6, 1e9, 6)
    fit = isoloss.fit({"x": n, "loss": 2 + 30 * n**-0.3}, law="power_law_floor", x="x", draws=0)
    assert fit.plot()._repr_png_().startswith(b"\x89PNG")

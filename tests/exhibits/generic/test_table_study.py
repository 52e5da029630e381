"""A study of a user's own table needs no more than its path, its columns and a law."""

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from isoloss.config.study import Table
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import draw
from isoloss.fit.study import fit_study
from isoloss.runs.imported import read_table

TEXTS = {"title": "t", "question": "q", "theory": "th", "source": "table"}
COLUMNS = {"n_params": "Model Size", "n_tokens": "Tokens", "loss": "final"}
FITS = [
    {"name": "size", "law": "power_law_floor", "variables": {"x": "n_params", "loss": "loss"}},
    {
        "name": "both",
        "law": "chinchilla",
        "variables": {"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"},
    },
]


@pytest.fixture
def study(tmp_path):
    n = np.geomspace(1e4, 1e8, 12).round()
    loss = (1.5 + 40 / n**0.3) * (1 + 1e-4 * np.sin(7 * np.arange(12)))
    path = tmp_path / "mine.csv"
    pd.DataFrame({"Model Size": n, "Tokens": 10 * n**1.1 // 1, "final": loss}).to_csv(
        path, index=False
    )
    given = TEXTS | {"path": str(path), "columns": COLUMNS, "fits": FITS}
    return TypeAdapter(Table).validate_python(given)


def test_each_column_gets_a_figure_and_the_law_of_it_alone_a_line(study, tmp_path):
    assert [(f.name, f.fits) for f in study.figures] == [
        ("loss_n_params", {"table": "size"}),
        ("loss_n_tokens", {}),
    ]
    runs, _ = read_table(study)
    fits = fit_study("mine", study.fits, runs)
    tables = Tables(runs=runs, fits=fits, variables={fit.name: fit.variables for fit in study.fits})
    for figure in study.figures:
        draw(figure, tables, tmp_path / figure.name)
    drawn = pd.read_csv(tmp_path / "loss_n_params.csv")
    line = drawn[drawn["what"] == "fitted law"]
    assert line["y"].to_numpy() == pytest.approx(1.5 + 40 / line["x"].to_numpy() ** 0.3, rel=1e-3)
    assert (drawn["what"] == "run").sum() == 12
    assert (pd.read_csv(tmp_path / "loss_n_tokens.csv")["what"] == "run").all()


def test_figures_that_a_study_names_are_the_only_ones():
    given = TEXTS | {"path": "mine.csv", "columns": COLUMNS, "figures": []}
    assert TypeAdapter(Table).validate_python(given).figures == []


@pytest.mark.parametrize(
    ("given", "unit"), [({}, "nats per token"), ({"loss_unit": "bits"}, "bits")]
)
def test_losses_are_labelled_in_the_unit_of_the_study(given, unit):
    study = TypeAdapter(Table).validate_python(
        TEXTS | {"path": "mine.csv", "columns": COLUMNS} | given
    )
    assert [figure.y_label for figure in study.figures] == [f"loss ({unit})"] * 2

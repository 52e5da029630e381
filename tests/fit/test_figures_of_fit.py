"""The figures that `isoloss fit --output` writes: every row is on them, and no unknown law is."""

import numpy as np
import pandas as pd
import pytest
from tests.rows import some

from isoloss.fit import fit_law
from isoloss.fit.figures import draw_fit
from isoloss.laws import LAWS

PLANTED = {"A": 400.0, "B": 400.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}
N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e5, 1e8, 6), np.geomspace(1e7, 1e10, 6)))


def table(noise=1e-3, n=N, d=D):
    shaken = np.exp(noise * np.random.default_rng(0).standard_normal(len(n)))
    return {"N": n, "D": d, "loss": LAWS["chinchilla"](PLANTED, n_params=n, n_tokens=d) * shaken}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    paths = draw_fit(fit_law(table(), "chinchilla", draws=100), folder)
    assert all(path.stat().st_size for path in paths)
    return {path.stem: pd.read_csv(path) for path in paths if path.suffix == ".csv"}


def test_each_figure_has_its_files_and_every_row_in_each_panel(drawn):
    assert set(drawn) == {"loss", "residuals", "influence"}
    for name, panels in (("loss", 3), ("residuals", 3), ("influence", 5)):
        rows = drawn[name][drawn[name]["what"].isin(["row", "run"])]
        assert rows.groupby("panel").size().tolist() == [len(N)] * panels, name


def test_the_drawn_law_is_the_planted_one(drawn):
    loss = drawn["loss"]
    line = some(loss, what="fitted law", panel="a")
    first = line[line["series"] == line["series"].iloc[0]]
    truth = LAWS["chinchilla"](PLANTED, n_params=first["x"].to_numpy(), n_tokens=D.min())
    assert first["y"].to_numpy() == pytest.approx(truth, rel=2e-3)
    best = some(loss, what="fitted law", panel="c")
    truth = LAWS["chinchilla"].optimum(PLANTED, best["x"].to_numpy())["loss"]
    assert best["y"].to_numpy() == pytest.approx(truth, rel=2e-3)
    band = some(loss, what="interval")
    assert (band["lo"] <= band["y"]).all() and (band["y"] <= band["hi"]).all()


def test_a_law_that_is_not_identified_is_not_drawn(tmp_path):
    n = np.geomspace(1e5, 1e8, 12)
    result = fit_law(table(n=n, d=20 * n), "chinchilla", draws=100)
    assert not result.identified
    draw_fit(result, tmp_path)
    found = pd.read_csv(tmp_path / "loss.csv")
    assert set(found["what"]) == {"row"}
    assert "no law is drawn" in (tmp_path / "loss.json").read_text(encoding="utf-8")


def test_a_law_of_one_variable_has_one_panel_and_its_line(tmp_path):
    x = np.geomspace(1e4, 1e8, 12)
    rows = {"n_params": x, "loss": (1.5 + 40 / x**0.3) * (1 + 1e-4 * np.sin(np.arange(12) * 7))}
    draw_fit(fit_law(rows, "power_law_floor", x="n_params", draws=100), tmp_path, {"x": "width"})
    found = pd.read_csv(tmp_path / "loss.csv")
    assert set(found["x_quantity"]) == {"width"}
    line = found[found["what"] == "fitted law"]
    assert line["y"].to_numpy() == pytest.approx(1.5 + 40 / line["x"].to_numpy() ** 0.3, rel=1e-3)

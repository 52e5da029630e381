"""Figures of what the fitting engine writes, not of tables made for the figures."""

import numpy as np

from isoloss.config.study import Fit
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.fit.study import fit_study
from tests.exhibits.generic import tables as S
from tests.exhibits.generic.cases import LAW, spec
from tests.rows import some


def test_a_law_and_its_band_come_from_the_table_of_fits():
    runs = S.sweep("sizes", np.geomspace(10, 1e5, 9), 3, lambda n: 2.0 * n**-0.7, 0.05)
    fits = [Fit(name="law", law="power_law", variables={"x": "n_params", "loss": "loss"})]
    asked = spec(draw="loss_against_x", x="n_params", x_label="parameters N", y_label="loss",
                 series={"sizes": "runs"}, fits={"sizes": "law"})  # fmt: skip
    table = fit_study("s", fits, runs)
    tables = Tables(runs=runs, fits=table, variables={"law": fits[0].variables})
    drawn = drawing(asked, tables).table.groupby("what")
    law, band = drawn.get_group("fitted law"), drawn.get_group("fitted law, 90 % band")
    np.testing.assert_allclose(law["y"], 2.0 * law["x"] ** -0.7, rtol=0.06)
    assert (band["lo"] < band["y"]).all() and (band["y"] < band["hi"]).all()
    assert (band["hi"] / band["lo"] < 1.2).all()


def test_groups_of_a_fit_are_found_by_their_value():
    runs = S.grid(noise=0.002).assign(n_inputs=lambda t: (t["n_params"] > 1e4) + 1)
    runs = runs.astype({"n_inputs": "Int64", "n_tokens": "Int64", "n_params": "Int64"})
    fits = [Fit(name="law", law="power_law", variables={"x": "n_tokens", "loss": "loss"},
                by="n_inputs")]  # fmt: skip
    asked = spec(draw="loss_against_x", x="n_tokens", x_label="tokens D", y_label="loss",
                 series={"grid": "runs"}, by="n_inputs", fits={"grid": "law"})  # fmt: skip
    tables = Tables(runs=runs, fits=fit_study("s", fits, runs))
    notes = drawing(asked, tables).notes
    assert not any("not fitted" in note for note in notes), notes


def test_the_surface_is_drawn_over_the_grid():
    runs = S.grid(noise=0.0005, sizes=np.geomspace(1e3, 1e6, 7), tokens=np.geomspace(1e5, 1e8, 6))
    variables = {"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"}
    fits = [Fit(name="surface", law="chinchilla", variables=variables)]
    asked = spec(draw="loss_grid", fit="surface", x_label="tokens D", y_label="loss",
                 by_label="parameters N")  # fmt: skip
    tables = Tables(runs=runs, fits=fit_study("s", fits, runs), variables={"surface": variables})
    law = some(drawing(asked, tables).table, what="fitted law")
    sizes = np.repeat(np.geomspace(1e3, 1e6, 7).astype(int), len(law) // 7)
    np.testing.assert_allclose(law["y"], S.surface(sizes, law["x"], **LAW), rtol=3e-3)


def test_what_a_law_misses_the_runs_by_is_written_over_no_point_and_no_line():
    runs = S.grid(sizes=np.geomspace(1.5e3, 5e5, 8), tokens=np.geomspace(2.5e5, 6e6, 7))
    runs = runs[(runs["n_tokens"] < 2.5e6) | runs["n_params"].between(5e3, 2e4)]
    n, d = runs["n_params"].astype(float), runs["n_tokens"].astype(float)
    runs = runs.assign(loss=2.0 * ((2e3 / n) ** 0.8 + 3e5 / d) ** 0.3)  # Kaplan et al., Eq. 1.5
    variables = {"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"}
    laws = {"one": "Once", "other": "Again"}  # so panels are narrow
    fits = [Fit(name=name, law="kaplan_nd", variables=variables) for name in laws]
    asked = spec(draw="loss_grid", laws=laws, by_label="N",
                 x_label="tokens D", y_label="loss")  # fmt: skip
    table = fit_study("s", fits, runs)
    drawn = drawing(asked, Tables(runs=runs, fits=table, variables=dict.fromkeys(laws, variables)))
    axes = drawn.figure.axes[0]
    (said,) = [text for text in axes.texts if text.get_text().startswith("misses the runs")]
    drawn.figure.canvas.draw()
    box = said.get_window_extent()
    for line in axes.lines:
        x, y = axes.transData.transform(line.get_xydata()).T
        x, y = np.linspace(x[0], x[-1], 500), np.interp(np.linspace(x[0], x[-1], 500), x, y)
        assert not ((box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1)).any()

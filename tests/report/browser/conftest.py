"""A small report, and a Chromium that opens it; without one, its tests are skipped."""

import shutil

import numpy as np
import pandas as pd
import pytest

from isoloss.exhibits.base import Tables
from isoloss.exhibits.generic.loss import LossAgainstX
from isoloss.exhibits.make import draw
from isoloss.files import read_json, write_json, write_parquet
from isoloss.report.build import build
from isoloss.report.study import Paths
from isoloss.tables.schema import ANALYSIS_COLUMNS, FIT_COLUMNS, typed

RUNS = [f"run-{i}" for i in range(8)]
FIGURES = ["size", "valleys", "envelope", "rates"]
SHARED = {"study": "text", "group": "", "lo": 0.3, "hi": 0.4, "level": 0.9, "n_runs": 8,
          "method": "wild", "runs": " ".join(RUNS), "warnings": ""}  # fmt: skip
FITTED = SHARED | {"fit": "surface", "law": "chinchilla", "objective": "huber", "diagnostics": "{}"}
UNSURE = "not identified: anything from 0.3 to 0.4 fits as well"
TEXTS = {
    "source": "training", "title": "Language models", "question": "How does the loss fall?",
    "theory": "As N^-0.34 (arXiv:2203.15556).", "notes": ["One seed."], "errata": [],
    "fits": ["surface"], "analyses": True, "figures": FIGURES,
    "parts": dict(zip(FIGURES, ["Findings", "Findings", "Chinchilla's figures", "Checks"],
                      strict=True)),
    "comparison": [{"quantity": "exponent alpha", "kaplan": "0.076", "chinchilla": "0.34",
                    "elsewhere": "0.35 (Muennighoff et al. 2023)", "scale": "its order",
                    "of": "surface", "group": "", "parameter": "alpha"}],
}  # fmt: skip
OTHER = {"source": "published", "title": "Published laws", "question": "What do they say?",
         "theory": "Nothing.", "notes": [], "errata": [], "figures": [], "fits": []}  # fmt: skip

TWO_PANELS = {"width": 736, "height": 360, "parts": [[0, 0, 0.5, 0.9], [0.5, 0, 0.5, 0.9]]}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The path of a report with two studies; the first has parts, numbers and runs behind them."""
    root = tmp_path_factory.mktemp("project")
    runs = pd.DataFrame({
        "sweep": "grid", "run_id": RUNS, "task": "language", "n_params": 2 ** np.arange(4, 12),
        "loss": 2.0 ** -np.arange(8), "seed": 0, "status": "done", "reason": None,
        "train_cpu_s": 1.5, "code": "new",
    })  # fmt: skip
    fits = [FITTED | {"parameter": name, "value": 0.34, "verdict": verdict,
                      "fit_verdict": "identified"}
            for name, verdict in (("alpha", "identified"), ("beta", UNSURE))]  # fmt: skip
    made = [SHARED | {"analysis": "recount", "do": "recount", "kind": "parameter", "quantity": "a",
                      "value": 0.34, "verdict": UNSURE, "runs": " ".join(RUNS[:3]),
                      "n_runs": 3}]  # fmt: skip
    folder = root / "results" / "studies" / "text"
    write_parquet(folder / "runs.parquet", runs)
    write_parquet(folder / "fits.parquet", typed(fits, FIT_COLUMNS))
    write_parquet(folder / "analyses.parquet", typed(made, ANALYSIS_COLUMNS))
    write_parquet(root / "results" / "losses.parquet", runs)
    spec = LossAgainstX(draw="loss_against_x", name="size", title="Loss against size",
                        caption="Each point is a run. Its loss is held out.", x="n_params",
                        x_label="N", y_label="L", series={"grid": "runs"},
                        tabulate=True)  # fmt: skip
    stem = root / "figures" / "text" / "size"
    draw(spec, Tables(runs=runs), stem)
    texts = read_json(stem.with_name("size.json")) | {"notes": ["One run a size.", "No seed."]}
    for name in FIGURES:
        for end in ("png", "pdf", "csv"):
            if name != "size":
                shutil.copy(stem.with_name(f"size.{end}"), stem.with_name(f"{name}.{end}"))
        about = texts | {"title": f"Loss: {name}"} | (TWO_PANELS if name == "valleys" else {})
        write_json(stem.with_name(f"{name}.json"), about)
    path = root / "results" / "report.html"
    html = build({"text": TEXTS, "published": OTHER}, planned={"text": RUNS}, code={},
                 paths=Paths(path, root / "results", root / "figures"),
                 about=[("PyTorch", "2.13.0")])  # fmt: skip
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium():
    """A Chromium that Playwright drives."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"there is no Chromium: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, report):
    """`opened(width, **context)` opens the report and gives its page; `.bad` has its errors."""
    contexts = []

    def open_page(width=1280, height=800, **settings):
        context = chromium.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.bad = []
        page.on("console", lambda said: said.type == "error" and page.bad.append(said.text))
        page.on("pageerror", lambda error: page.bad.append(str(error)))
        page.goto(report.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()

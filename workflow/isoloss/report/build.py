"""Build the report: one HTML file that needs no other file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
from markupsafe import Markup

from isoloss.config.exhibits import UNIT
from isoloss.laws import published
from isoloss.report import analyses as analysed
from isoloss.report import figures as drawn
from isoloss.report import markup
from isoloss.report import study as read
from isoloss.report.audit import refits
from isoloss.report.figures import FigureShown, PartShown
from isoloss.report.findings import Found, of_files
from isoloss.report.interactive.page import NONE, Charts
from isoloss.report.run_sets import RunSets, sweeps_of
from isoloss.report.study import FitShown, Paths, RunsShown
from isoloss.report.unfinished import NOTHING, Unfinished

HERE = Path(__file__).parent
FINDINGS = "page-findings"  # the anchor of the first screen
STYLES = ("report.css", "findings.css")


@dataclass
class StudyShown:
    """One section of the report."""

    name: str
    texts: Mapping[str, Any]
    parts: list[PartShown]
    fits: list[FitShown]
    runs: RunsShown
    constants: Sequence[published.Constant]
    files: list[tuple[str, str]]
    command: str
    compared: list[analysed.ComparedShown]
    analyses: list[analysed.AnalysisShown]
    sets: RunSets

    @property
    def figures(self) -> list[FigureShown]:
        """The figures in the order of the page."""
        return [figure for part in self.parts for figure in part.figures]

    @property
    def has_numbers(self) -> bool:
        """Whether there are numbers, apart from those of figures, or lists of runs behind them."""
        return bool(self.fits or self.analyses or self.constants or self.sets.found)


def build(
    studies: Mapping[str, Mapping[str, Any]],
    *,
    paths: Paths,
    planned: Mapping[str, Sequence[str]],
    code: Mapping[str, str],
    trunks: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    about: Sequence[tuple[str, str]] = (),
    command: str = "snakemake --cores all {study}",
    lack: Unfinished = NOTHING,
    live: Charts = NONE,
    found: Found | None = None,
) -> str:
    """The report as HTML, with the same bytes for the same files.

    Parameters
    ----------
    studies : mapping
        Study -> its texts: source, title, question, theory, notes, errata, the names of its figures
        (strings) and fits, and where they are known the `parts` of figures, and what each analysis
        is `about`.
    paths : Paths
        The folders of the tables and the figures, and the path of the report.
    planned : mapping
        Study -> the ids of the runs that it wants.
    code : mapping
        Task -> fingerprint of the present training code.
    trunks : mapping
        Study -> trunk that its runs continue -> CPU time of the trunk, in seconds.
    about : sequence of (label, text)
        Versions, commit and machine. The report shows them at the top, unchanged.
    command : str
        The command that reproduces one study; "{study}" is the study's name.
    lack : Unfinished
        The files that are missing because jobs failed.
    live : Charts
        The interactive charts of these studies.
    found : Found, optional
        The findings; by default, those of the files.
    """
    found = of_files(studies, paths, planned) if found is None else found
    shown = [
        _study(name, texts, paths, planned.get(name, ()), code, trunks.get(name, {}), command)
        for name, texts in studies.items()
    ]
    for place, figure in enumerate((one for study in shown for one in study.figures), 1):
        figure.number = place
    wanted = sorted({run for runs in planned.values() for run in runs})
    losses = read.table(paths.results / "losses.parquet")
    if paths.missing:
        losses = read.rows(paths, wanted)
    trained = None if losses is None else losses[losses["run_id"].isin(wanted)]
    every_trunk = {trunk: cpu_s for of in trunks.values() for trunk, cpu_s in of.items()}
    totals = read.runs(trained, wanted, code, every_trunk)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {
        "prose": markup.prose, "plain": markup.plain, "verdict": markup.verdict,
        "seconds": markup.seconds, "count": markup.count, "linked": markup.linked,
    }  # fmt: skip
    css = "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES)
    return environment.get_template("report.html").render(
        found=found, hero=_hero(shown, found), anchors=_anchors(shown, found),
        studies=shown, totals=totals, about=about, audit=refits(paths.results),
        failed=lack.failed, live=live,
        css=Markup(css + live.css),
        js=Markup((HERE / "report.js").read_text(encoding="utf-8")),
    )  # fmt: skip


def _study(name, texts, paths, planned, code, trunks, command) -> StudyShown:
    fitted = read.table(paths.study(name, "fits.parquet"))
    made = read.table(paths.study(name, "analyses.parquet")) if texts.get("analyses") else None
    table = read.table(paths.study(name, "runs.parquet"))
    if table is None and planned and paths.missing:
        table = read.rows(paths, planned)
    sets = RunSets(paths, study=name, sweeps=sweeps_of(table))
    compared = analysed.compared(texts.get("comparison", ()), fitted, made, sets, table)
    fits = read.fits(fitted)
    for fit in fits:
        numbers = [number.parameter for number in fit.numbers]
        fit.anchor = sets.anchor(fit.runs, numbers, f"{name}-fits")
    analyses = analysed.analyses(made, sets, texts.get("about", {}))
    of_loss = texts.get("loss_unit", UNIT)
    for number in (one for shown in (*fits, *analyses) for one in shown.numbers):
        if number.unit in ("loss", UNIT):
            number.unit = of_loss
    trained = texts["source"] == "training"
    files = [(file, paths.study(name, file)) for file in
             ("runs.parquet", "curves.parquet", "fits.parquet", "analyses.parquet",
              "prediction.parquet")]  # fmt: skip
    return StudyShown(
        name=name, texts=texts,
        parts=drawn.parts(
            name,
            [drawn.figure(paths, name, figure) for figure in texts["figures"]],
            texts.get("parts", {}),
        ),
        fits=fits,
        runs=read.runs(table, planned, code, trunks) if trained else RunsShown(),
        constants=published.CONSTANTS if texts["source"] == "published" else (),
        files=[(file, paths.link(path)) for file, path in files if path.exists()],
        command=command.replace("{study}", name),
        compared=compared,
        analyses=analyses,
        sets=sets,
    )  # fmt: skip


def _hero(studies: Sequence[StudyShown], found: Found) -> tuple[StudyShown, FigureShown] | None:
    """The figure of the first screen, taken from its study's own."""
    for study in studies if found.hero else ():
        for part in study.parts:
            for figure in part.figures:
                if (study.name, figure.name) == found.hero and figure.image:
                    part.figures.remove(figure)
                    return study, figure
    return None


def _anchors(studies: Sequence[StudyShown], found: Found) -> dict[tuple[str, str], str]:
    """(study, key) of each finding -> the anchor of the list of runs behind it; "" for none."""
    sets = {study.name: study.sets for study in studies}
    return {
        (one.study, one.key): sets[one.study].anchor(
            one.runs, [f"the finding \N{LEFT DOUBLE QUOTATION MARK}{one.label}"
                       "\N{RIGHT DOUBLE QUOTATION MARK}"], FINDINGS,
        )
        for one in (*found.main, *found.others)
    }  # fmt: skip

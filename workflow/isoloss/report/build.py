"""Build the report: one HTML file that needs no other file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
from markupsafe import Markup, escape

from isoloss.laws import published
from isoloss.report import analyses as analysed
from isoloss.report import study as read
from isoloss.report.audit import refits
from isoloss.report.interactive.page import NONE, Charts
from isoloss.report.study import FigureShown, FitShown, Paths, RunsShown
from isoloss.report.unfinished import NOTHING, Unfinished
from isoloss.results.verdict import IDENTIFIED, Verdict

HERE = Path(__file__).parent
CARET = re.compile(r"\^(\{[^{}]{1,40}\}|\([^()]{1,40}\)|[-−+]?\w+(?:[./]\w+)*)")
STARS = re.compile(r"\*\*(\([^()]{1,40}\)|\w+)")  # powers in formulas as code writes them
SCIENCE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([-+]?\d+)\b")
CODE = re.compile(r"`([^`]{1,200})`")


@dataclass
class StudyShown:
    """One section of the report."""

    name: str
    texts: Mapping[str, Any]
    figures: list[FigureShown]
    fits: list[FitShown]
    runs: RunsShown
    constants: Sequence[published.Constant]
    files: list[tuple[str, str]]
    command: str
    compared: list[analysed.ComparedShown]
    analyses: list[analysed.AnalysisShown]
    sets: analysed.RunSets
    main: tuple[str, str, str, str]  # the number, its interval, theory, verdict


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
) -> str:
    """The report as HTML, with the same bytes for the same files.

    Parameters
    ----------
    studies : mapping
        Study -> its texts: source, title, question, theory, notes, errata, and the names of its
        figures (strings) and fits.
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
    """
    shown = [
        _study(name, texts, paths, planned.get(name, ()), code, trunks.get(name, {}), command)
        for name, texts in studies.items()
    ]
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
    environment.filters["prose"] = prose
    environment.filters["seconds"] = seconds
    return environment.get_template("report.html").render(
        studies=shown, totals=totals, about=about, audit=refits(paths.results),
        failed=lack.failed, live=live,
        css=Markup((HERE / "report.css").read_text(encoding="utf-8") + live.css),
    )  # fmt: skip


def _study(name, texts, paths, planned, code, trunks, command) -> StudyShown:
    fitted = read.table(paths.study(name, "fits.parquet"))
    made = read.table(paths.study(name, "analyses.parquet")) if texts.get("analyses") else None
    sets = analysed.RunSets(paths, study=name)
    fits = read.fits(fitted)
    table = read.table(paths.study(name, "runs.parquet"))
    if table is None and planned and paths.missing:
        table = read.rows(paths, planned)
    trained = texts["source"] == "training"
    files = [(file, paths.study(name, file)) for file in
             ("runs.parquet", "curves.parquet", "fits.parquet", "analyses.parquet",
              "prediction.parquet")]  # fmt: skip
    return StudyShown(
        name=name, texts=texts,
        figures=[read.figure(paths, name, figure) for figure in texts["figures"]],
        fits=fits,
        runs=read.runs(table, planned, code, trunks) if trained else RunsShown(),
        constants=published.CONSTANTS if texts["source"] == "published" else (),
        files=[(file, paths.link(path)) for file, path in files if path.exists()],
        command=command.replace("{study}", name),
        compared=analysed.compared(texts.get("comparison", ()), fitted, made, sets, table),
        analyses=analysed.analyses(made, sets),
        sets=sets,
        main=main_number(fits),
    )  # fmt: skip


def main_number(fits: Sequence[FitShown]) -> tuple[str, str, str, str]:
    """The number of a study that the summary shows, with its interval, theory and verdict.

    It is the first identified number with a theoretical value, or else the first exponent. If
    several numbers have one, the verdict counts those that agree. Without any, it is a number that
    is identified only if its law holds.
    """
    every = [(fit, number) for fit in fits for number in fit.numbers if number.verdict]
    numbers = [pair for pair in every if pair[1].verdict == IDENTIFIED]
    numbers = numbers or [pair for pair in every if Verdict.read(pair[1].verdict).determined]
    numbers.sort(key=lambda pair: (not pair[1].theory, bool(pair[1].unit)))
    if not numbers:
        return ("", "", "", fits[0].verdict if fits else "nothing fitted")
    fit, number = numbers[0]
    label = f"{number.parameter} = {number.value}" + (f" ({fit.group})" if fit.group else "")
    judged = [other.agrees for _, other in numbers if other.agrees is not None]
    verdict = number.verdict
    if len(judged) == 1:
        verdict = "agrees with theory" if judged[0] else "differs from theory"
    elif judged:
        verdict = f"{sum(judged)} of {len(judged)} agree with theory"
    return (label, number.interval, number.theory, verdict)


def prose(value: Any) -> Markup:
    """Text of a study as HTML: escaped; then `code`, x^-0.5, x**a and 1.3e9 are marked up."""
    parts = CODE.split(str(escape(value)))
    marked = [f"<code>{part}</code>" if i % 2 else _raised(part) for i, part in enumerate(parts)]
    return Markup("".join(marked))


def _raised(html: str) -> str:
    def superscript(found: re.Match) -> str:
        return f"<sup>{found[1].strip('{}()').replace('-', '−')}</sup>"

    def science(found: re.Match) -> str:
        lead = "" if found[1] == "1" else f"{found[1]}×"
        return f"{lead}10<sup>{int(found[2])}</sup>".replace("-", "−")

    html = SCIENCE.sub(science, html)
    return CARET.sub(superscript, STARS.sub(superscript, html))


def seconds(value: float) -> str:
    """A duration as text."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:,.0f} s" if value < 3600 else f"{value / 3600:.1f} h"

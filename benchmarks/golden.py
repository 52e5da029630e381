"""Are fits, analyses and figures the same, to the last bit, as another version made them?

    python benchmarks/golden.py REFERENCE [--only NAME ...] [--configfile FILE ...] [--png]

REFERENCE is a project folder in which a study has finished. From its tables of runs, curves, fits
and predictions the present code makes the fits, analyses and figures again. Each is compared
with what the folder has: tables exactly, figures by the table that they draw (and with --png by
their pixels). Nothing there is changed. NAME selects by the start of the name. The exit code is 1
if anything differs.
"""

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from isoloss.config.load import merged
from isoloss.config.reading import read_yaml
from isoloss.exhibits.base import Inputs, Tables
from isoloss.exhibits.make import analyse, draw
from isoloss.files import read_parquet, write_parquet
from isoloss.fit.study import fit_study
from isoloss.pipeline import load_project
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Compare, print a line for each, and count the differences."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("reference", type=Path)
    parser.add_argument("--only", nargs="*", default=[""])
    parser.add_argument("--configfile", nargs="*", default=[])
    parser.add_argument("--png", action="store_true")
    arguments = parser.parse_args()
    config = read_yaml(ROOT / "config" / "config.yaml")
    for path in arguments.configfile:
        config = merged(config, read_yaml(path))
    project = load_project(config, ROOT)
    reference = arguments.reference.resolve()
    results, figures = reference / project.config.results, reference / project.config.figures
    wanted = tuple(arguments.only)
    different = 0
    os.chdir(tempfile.mkdtemp())
    for study, settings in project.studies.items():
        folder = results / "studies" / study
        tables = {
            name: read_parquet(folder / f"{name}.parquet") for name in ("runs", "curves", "fits")
        }
        fits = [fit for fit in settings.fits if fit.name.startswith(wanted)]
        for fit in fits:
            write_parquet("fit.parquet", fit_study(study, [fit], tables["runs"]))
            there = tables["fits"][tables["fits"]["fit"] == fit.name].reset_index(drop=True)
            different += said(
                f"{study}/{fit.name} (fit)", compared(read_parquet("fit.parquet"), there)
            )
        made = analyses(project, study, folder, tables, wanted)
        different += sum(said(f"{study}/{name}", problem) for name, problem in made.items())
        joined = folder / "analyses.parquet"
        drawn = Tables(
            **tables,
            analyses=read_parquet(joined) if joined.exists() else None,
            variables={fit.name: fit.variables for fit in settings.fits},
            truth=(settings.law, settings.parameters) if settings.source == "planted" else None,
        )
        for spec in settings.figures:
            if spec.name.startswith(wanted):
                problem = figure(spec, drawn, figures / study / spec.name, arguments.png)
                different += said(f"{study}/{spec.name} (figure)", problem)
    print(f"{different} differ")
    return int(different > 0)


def said(name: str, problem: str) -> bool:
    """Print what differs; whether anything does."""
    print(f"{name}: {problem or 'the same'}", flush=True)
    return bool(problem)


def analyses(project, study, folder, tables, wanted) -> dict[str, str]:
    """What differs in each analysis of a study."""
    known = project.analyses(study)
    if not known:
        return {}
    golden = read_parquet(folder / "analyses.parquet")
    prediction = folder / "prediction.parquet"
    before, problems = {}, {}
    for name, spec in known.items():
        there = golden[golden["analysis"] == name].reset_index(drop=True)
        before[name] = there.reindex(columns=[column.name for column in ANALYSIS_COLUMNS])
        if not name.startswith(wanted):
            continue
        done = [before[o] for o in before if o != name and known[o].do in spec.reads]
        inputs = Inputs(
            runs=tables["runs"],
            curves=tables["curves"],
            done=pd.concat(done, ignore_index=True) if done else typed([], ANALYSIS_COLUMNS),
            prediction=read_parquet(prediction) if prediction.exists() else None,
        )
        write_parquet("analysis.parquet", analyse(study, spec, inputs))
        problems[name] = compared(read_parquet("analysis.parquet"), there)
    return problems


def compared(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """The first difference of two tables in the columns that both have; "" for none."""
    columns = [name for name in ours.columns if name in theirs.columns]
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, were {len(theirs)}"
    for name in columns:
        one, two = ours[name], theirs[name]
        if one.dtype == "string":  # an empty text and none mean the same
            one, two = (text.fillna("").astype(object) for text in (one, two))
        try:
            pd.testing.assert_series_equal(one, two, check_exact=True, check_dtype=False)
        except AssertionError:
            differ = (i for i in range(len(one)) if str(one[i]) != str(two[i]))
            row = next(differ, 0)
            return f"row {row}, {name}: {one[row]!r}, was {two[row]!r}"
    return ""


def figure(spec, tables: Tables, stem: Path, png: bool) -> str:
    """What differs in a figure."""
    if not stem.with_suffix(".csv").exists():
        return "was not there"
    draw(spec, tables, Path("figure"))
    ours, theirs = (path.read_text() for path in (Path("figure.csv"), stem.with_suffix(".csv")))
    if ours != theirs:
        one, two = (pd.read_csv(io.StringIO(text)) for text in (ours, theirs))
        return f"the table differs ({one.shape} rows and columns, were {two.shape})"
    if png and Path("figure.png").read_bytes() != stem.with_suffix(".png").read_bytes():
        return "the picture differs"
    return ""


if __name__ == "__main__":
    sys.exit(main())

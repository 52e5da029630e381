"""The smoke study, on the real Snakefile: every rule, twice, with the same bytes."""

import json

import pandas as pd
import pytest

from isoloss.tables.schema import TIMED

# Wall-clock time is what this figure is about.
TIMED_FIGURES = {"frontier/time"}


def files(folder, pattern):
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def test_two_folders_and_any_number_of_cores_give_the_same_losses(smoke):
    tables = [pd.read_parquet(smoke[n] / "results/smoke/losses.parquet") for n in (1, 2)]
    untimed = [table.drop(columns=[*TIMED]) for table in tables]
    pd.testing.assert_frame_equal(*untimed, check_exact=True)
    assert tables[0]["status"].eq("done").all()


@pytest.mark.parametrize("pattern", ["results/smoke/fits.parquet", "results/smoke/corpora/*/*"])
def test_two_folders_give_the_same_bytes(smoke, pattern):
    names = files(smoke[1], pattern)
    assert names
    assert names == files(smoke[2], pattern)
    for name in names:
        assert (smoke[1] / name).read_bytes() == (smoke[2] / name).read_bytes(), name


@pytest.mark.parametrize("ending", ["pdf", "png", "csv", "json"])
def test_two_folders_give_figures_of_the_same_bytes(smoke, ending):
    names = files(smoke[1], f"figures/smoke/*/*.{ending}")
    assert names == files(smoke[2], f"figures/smoke/*/*.{ending}")
    assert len({name.split("/")[2] for name in names}) == 9
    for name in names:
        if name.removeprefix("figures/smoke/").removesuffix(f".{ending}") in TIMED_FIGURES:
            continue
        assert (smoke[1] / name).read_bytes() == (smoke[2] / name).read_bytes(), name


def test_the_report_is_one_file_that_needs_no_other(smoke):
    html = (smoke[2] / "results/smoke/report.html").read_text()
    assert "<script src" not in html
    assert 'src="http' not in html
    assert "<link" not in html
    texts = [json.loads((smoke[2] / name).read_text()) for name in
             files(smoke[2], "figures/smoke/*/*.json")]  # fmt: skip
    assert html.count("data:image/png;base64,") == sum(one["drawn"] for one in texts)

"""Published tables, read from `../shared/data` beside the project where it is there."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared():
    """A function: path below ../shared/data -> DataFrame, or the test is skipped."""
    import pandas as pd

    def read(name):
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"the published table {name} is not beside the project (../shared/data)")
        return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_csv(path)

    return read


@pytest.fixture(scope="session")
def epoch(shared):
    """The 240 rows that Besiroglu et al. (2024) fit: without the five highest losses."""
    table = shared("epoch-chinchilla/svg_extracted_data.csv")
    return table.sort_values("loss", kind="stable").iloc[:-5].reset_index(drop=True)

"""Published tables, where they are there, and random numbers."""

import pytest
from tests.published import published


@pytest.fixture(scope="session")
def shared():
    """A function: path of a published table -> DataFrame, or the test is skipped."""
    import pandas as pd

    def read(name):
        path = published(name) / name
        return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_csv(path)

    return read


@pytest.fixture(scope="session")
def epoch(shared):
    """The 240 rows that Besiroglu et al. (2024) fit: without the five highest losses."""
    table = shared("epoch-chinchilla/svg_extracted_data.csv")
    return table.sort_values("loss", kind="stable").iloc[:-5].reset_index(drop=True)

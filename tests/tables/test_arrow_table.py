"""A curve is written without pandas, to the bytes that pandas would give."""

import subprocess
import sys

import pytest

from isoloss.files import write_arrow, write_parquet
from isoloss.tables.schema import CURVE_COLUMNS, arrow_table, typed

ROWS = [
    [],
    [{"run_id": "a", "step": 1, "loss": 2.5}, {"run_id": "\u03b1", "n_tokens": 5, "loss": 3}],
    [{"step": 2**60, "loss": 0.0}, {}],
]


@pytest.mark.parametrize("rows", ROWS)
def test_the_bytes_are_those_of_the_same_table_in_pandas(rows, tmp_path):
    write_arrow(tmp_path / "ours", arrow_table(rows, CURVE_COLUMNS))
    write_parquet(tmp_path / "pandas", typed(rows, CURVE_COLUMNS))
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "pandas").read_bytes()


def test_a_column_that_is_not_declared_is_refused():
    with pytest.raises(KeyError, match="not declared: speed"):
        arrow_table([{"speed": 1.0}], CURVE_COLUMNS)


def test_a_native_training_imports_neither_pytorch_nor_pandas_nor_scipy():
    """Each would make the fork of its process cost more than a short training."""
    code = (
        "import sys; from isoloss.runtime import preloaded; preloaded.load(preloaded.NATIVE);"
        "from isoloss.tables.schema import *;"
        "arrow_table([{'run_id': 'a', 'step': 1}], CURVE_COLUMNS);"
        "print(*{'torch', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

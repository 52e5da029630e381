"""Run `isoloss import` as a user does, and take what it writes and says."""

import contextlib
import importlib
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from isoloss.cli.main import main
from isoloss.files import read_parquet


def said(*arguments) -> tuple[int, str, str]:
    """The exit code of `isoloss`, and what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(one) for one in arguments])
    return code, out.getvalue(), err.getvalue()


def imported(folder: Path, *options) -> tuple[pd.DataFrame, str]:
    """The table of the logs below a folder, and what was said."""
    output = Path(folder).with_name(f"{Path(folder).name}.parquet")
    code, out, err = said("import", folder, "--output", output, *options)
    assert (code, err) == (0, ""), err
    return read_parquet(output), out


def refused(folder: Path, *options) -> str:
    """The message of an import that writes nothing."""
    output = Path(folder).with_name("refused.parquet")
    code, out, err = said("import", folder, "--output", output, *options)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert not output.exists()
    return err


def library(name: str):
    """A library that writes logs, or a skip that says how to install it."""
    top = name.split(".")[0]
    pytest.importorskip(top, reason=f"no {top}: make logs installs the tools that write logs")
    return importlib.import_module(name)


def write(path: Path, content) -> Path:
    """A file of a text, or of an object as JSON, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def points(table: pd.DataFrame, *columns: str) -> list[tuple]:
    """The rows of some columns."""
    return list(table[list(columns)].itertuples(index=False, name=None))

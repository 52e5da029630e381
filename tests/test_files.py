"""Files are written whole or not at all, and read whole or not at all."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from isoloss.errors import UserError, nearest
from isoloss.files import (
    canonical_json,
    read_json,
    read_parquet,
    sha256,
    whole,
    write_json,
    write_parquet,
    write_text,
)


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "result.txt"
    write_text(path, "before")

    def write_half() -> None:
        with whole(path) as partial:
            partial.write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_half()
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["result.txt"]


def test_a_full_disk_is_said_and_leaves_the_file_as_it_was(tmp_path):
    """A limit on the size of files stands for the end of the disk: the same call fails."""
    path = tmp_path / "result.txt"
    write_text(path, "before")
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from isoloss.files import write_text\n"
        f"write_text({str(path)!r}, 'x' * 10_000)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert finished.returncode != 0
    assert f"UserError: {path}: 1 problem\n  - could not be written: File too large" in (
        finished.stderr
    )
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["result.txt"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be written: File exists"):
        write_text(tmp_path / "file" / "result.txt", "text")


@pytest.mark.parametrize("kept", [0, 4, 60])
def test_a_truncated_file_is_named_and_never_used(tmp_path, kept):
    table = pd.DataFrame({"loss": [1.0, 2.0], "run_id": ["a", "b"]})
    write_parquet(tmp_path / "t.parquet", table)
    write_json(tmp_path / "t.json", {"loss": [1.0] * 50})
    for name, read in (("t.parquet", read_parquet), ("t.json", read_json)):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(UserError) as error:
            read(path)
        assert error.value.where == str(path)


def test_a_missing_file_is_named(tmp_path):
    for read in (read_parquet, read_json):
        with pytest.raises(UserError, match="could not be read: "):
            read(tmp_path / "none")


def test_the_same_table_gives_the_same_bytes_and_comes_back(tmp_path):
    table = pd.DataFrame({"loss": pd.array([1.5, None], "Float64"), "n": pd.array([1, 2], "Int64")})
    write_parquet(tmp_path / "a.parquet", table)
    write_parquet(tmp_path / "b.parquet", table.copy())
    assert sha256(tmp_path / "a.parquet") == sha256(tmp_path / "b.parquet")
    read = read_parquet(tmp_path / "a.parquet")
    assert read["n"].tolist() == [1, 2]
    assert read["loss"].isna().tolist() == [False, True]


def test_equal_settings_give_equal_text_and_no_nan_passes():
    assert canonical_json({"b": 1, "a": [1.5]}) == canonical_json({"a": [1.5], "b": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"loss": float("nan")})


def test_a_message_lists_every_problem():
    assert str(UserError("here", ["one", "two"])) == "here: 2 problems\n  - one\n  - two"
    assert str(UserError("here", ["one"])) == "here: 1 problem\n  - one"


def test_the_nearest_name_is_offered_only_if_it_is_near():
    assert nearest("widht", ["width", "depth"]) == "; did you mean 'width'?"
    assert nearest("colour", ["width", "depth"]) == ""


def test_a_reader_never_sees_a_part(tmp_path):
    path = tmp_path / "result.txt"
    write_text(path, "old")
    with whole(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert partial.parent == path.parent
        assert str(os.getpid()) in partial.name
    assert Path(path).read_text() == "new"

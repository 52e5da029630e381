"""Records of what results were made from, kept beside them for a copy without Snakemake's own."""

import pytest

from isoloss.errors import UserError
from isoloss.pipeline import provenance

RECORD = {"rule": "fit", "params": ["1"], "input_checksums": {"runs": "sha256:0"}}


class Known(dict):
    """Snakemake's records, as a dictionary."""

    has = dict.__contains__
    put = dict.__setitem__


@pytest.fixture
def made(tmp_path):
    """A folder with two files of one job and one of another, and their records."""
    for name in ("a.png", "a.csv", "b.png"):
        (tmp_path / name).write_text(name)
    save(tmp_path, [(["a.png", "a.csv"], RECORD), (["b.png"], RECORD | {"params": ["2"]})])
    return tmp_path


def save(folder, finished):
    provenance.save("results", finished, folder)


def restored(folder, known=()):
    records = Known(dict.fromkeys(known, "its own"))
    count = provenance.restore("results", records, folder)
    return count, records


def test_a_file_that_is_as_it_was_made_gets_its_record_back(made):
    count, records = restored(made)
    assert count == 3
    assert records["a.png"] == records["a.csv"] == RECORD
    assert records["b.png"]["params"] == ["2"]


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_no_file_of_a_job_gets_one_if_a_file_of_it_was_changed(made, change):
    path = made / "a.csv"
    path.unlink() if change == "removed" else path.write_text("another digit")
    assert restored(made)[1].keys() == {"b.png"}


def test_a_record_that_is_there_stays(made):
    count, records = restored(made, known=["b.png"])
    assert (count, records["b.png"]) == (2, "its own")


def test_a_file_made_again_has_the_new_record_and_what_was_not_asked_for_keeps_its_own(made):
    (made / "b.png").write_text("drawn otherwise")
    save(made, [(["b.png"], RECORD | {"params": ["3"]})])
    count, records = restored(made)
    assert (count, records["a.csv"], records["b.png"]["params"]) == (3, RECORD, ["3"])


def test_an_unchanged_project_writes_nothing_and_a_removed_file_is_forgotten(made):
    path = made / "results" / provenance.FILE
    before = path.stat().st_mtime_ns
    save(made, [(["b.png"], RECORD | {"params": ["2"]})])
    assert path.stat().st_mtime_ns == before
    (made / "a.png").unlink()
    save(made, [])
    assert "a.png" not in path.read_text()


@pytest.mark.parametrize("text", ['{"jobs": [{"fi', '{"jobs": 3}', "[]"])
def test_a_damaged_file_is_named_and_written_anew(made, text):
    path = made / "results" / provenance.FILE
    path.write_text(text)
    with pytest.raises(UserError, match=r"results/provenance\.json"):
        restored(made)
    save(made, [(["b.png"], RECORD)])
    assert restored(made)[0] == 1

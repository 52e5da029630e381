"""Local copies of what is stored are the project's folders; checkpoints are kept in the storage."""

import pytest
from tests.survival.started import wait_for

from isoloss.errors import UserError
from isoloss.pipeline import storage
from isoloss.pipeline.storage import StoredCheckpoints


class Stored:
    """An object of a storage that is a file, with what Snakemake's plugins have."""

    def __init__(self, path):
        self.path, self.local, self.answers = path, None, True

    def exists(self):
        return self.path.exists()

    def set_local_path(self, path):
        self.local = path

    def retrieve_object(self):
        self.local.write_bytes(self.path.read_bytes())

    def store_object(self):
        if not self.answers:
            raise OSError("no answer")
        self.path.write_bytes(self.local.read_bytes())

    def remove(self):
        self.path.unlink()


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "LOOK_S", 0.01)
    return tmp_path / "checkpoints" / "run.safetensors"


@pytest.fixture
def stored(tmp_path):
    return Stored(tmp_path / "stored")


def keep(checkpoint, stored, done=False, warn=lambda message: None):
    kept = StoredCheckpoints({checkpoint: stored}, {checkpoint: lambda: done}, warn)
    kept.start()
    return kept


def replace(path, text):
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".new")
    partial.write_text(text)
    partial.replace(path)


def test_each_new_checkpoint_is_stored_while_the_training_goes_on(checkpoint, stored):
    kept = keep(checkpoint, stored)
    for state in ("first", "second"):
        replace(checkpoint, state)
        wait_for(lambda: stored.exists() and stored.path.read_text() == state)  # noqa: B023
    replace(checkpoint, "last")
    kept.end()
    assert stored.path.read_text() == "last"
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_a_job_begins_with_the_checkpoint_that_another_has_stored(checkpoint, stored):
    stored.path.write_text("kept")
    keep(checkpoint, stored).end()
    assert checkpoint.read_text() == "kept"
    assert stored.exists()


def test_when_the_result_is_stored_the_checkpoint_is_forgotten(checkpoint, stored):
    stored.path.write_text("kept")
    keep(checkpoint, stored, done=True).end()
    assert not stored.exists()


def test_a_storage_that_does_not_answer_is_told_of_and_tried_again(checkpoint, stored):
    said, stored.answers = [], False
    kept = keep(checkpoint, stored, warn=said.append)
    replace(checkpoint, "state")
    wait_for(lambda: said)
    stored.answers = True
    wait_for(stored.exists)
    kept.end()
    assert set(said) == {f"{checkpoint} could not be kept in the storage: no answer"}


@pytest.mark.parametrize("there", [[], ["README.md"]])
def test_a_folder_of_the_project_is_a_link_to_the_copies(tmp_path, monkeypatch, there):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "small"
    for name in there:
        folder.mkdir(parents=True)
        (folder / name).touch()
    for _ in range(2):
        storage.link("results/small", ".copies/results/small")
    (tmp_path / ".copies/results/small/row.json").touch()
    assert sorted(path.name for path in folder.iterdir()) == [*there, "row.json"]


def test_results_of_this_machine_are_not_mixed_with_stored_ones(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "row.json").touch()
    with pytest.raises(UserError, match=r"results: .*\n.*is a folder of this machine, and"):
        storage.link(tmp_path / "results", tmp_path / "copies")
    assert (tmp_path / "results" / "row.json").exists()

"""Stale locks of a Snakemake that was killed are removed, and only those."""

import fcntl
import os
from dataclasses import asdict, replace

import pytest

from isoloss.files import write_json
from isoloss.runtime import folder_lock
from isoloss.runtime.folder_lock import acquire, locked_message, record_holder, this_process

HERE = this_process()
GONE = replace(HERE, pid=1, command="snakemake --cores 2", since_utc="2026-01-01 00:00:00")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a workflow that was killed; system's locks of the test end with the test."""
    monkeypatch.setattr(folder_lock, "_HELD", held := {})
    made = tmp_path / "my project" / ".snakemake"
    (made / "locks").mkdir(parents=True)
    (made / "locks" / "0.output.lock").write_text("results/report.html\n")
    write_json(made / folder_lock.HOLDER_FILE, asdict(GONE))
    yield made
    for lock in held.values():
        os.close(lock)


def is_locked(folder):
    return (folder / "locks" / "0.output.lock").exists()


def last(folder, **changes):
    write_json(folder / folder_lock.HOLDER_FILE, asdict(replace(GONE, **changes)))


def test_the_locks_of_a_killed_workflow_are_removed(folder):
    assert acquire(folder) == GONE
    assert not is_locked(folder)
    assert folder_lock.read_holder(folder).pid == os.getpid()
    assert acquire(folder) is None


def test_a_machine_that_has_started_again_is_the_same_machine(folder):
    if HERE.machine is None:
        pytest.skip("this machine has no identity")
    last(folder, boot="another")
    assert acquire(folder) is not None
    assert not is_locked(folder)


@pytest.mark.parametrize("changes", [{"host": "node7"}, {"machine": "another"}, {"machine": None}])
def test_the_locks_of_another_machine_stay_and_it_is_named(folder, changes):
    last(folder, boot="another", **changes)
    assert acquire(folder) is None
    assert is_locked(folder)
    said = locked_message(folder)
    assert f"process 1 on {changes.get('host', HERE.host)}, since 2026-01-01 00:00:00 UTC" in said
    assert "another machine" in said
    assert "'" + str(folder.parent) + "' && snakemake --unlock" in said


def test_a_folder_that_somebody_of_this_machine_holds_is_refused(folder):
    with (folder / folder_lock.LOCK_FILE).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            acquire(folder)
        assert is_locked(folder)
    said = locked_message(folder)
    assert "process 1 on" in said
    assert "--unlock" not in said


@pytest.mark.parametrize("record", [b"", b"{}", b"[1]", b"\xff"])
def test_locks_that_have_no_holder_stay(folder, record):
    (folder / folder_lock.HOLDER_FILE).write_bytes(record)
    assert acquire(folder) is None
    assert is_locked(folder)
    assert "is locked by another snakemake" in locked_message(folder)


def test_a_folder_without_locks_gets_a_holder(folder):
    (folder / "locks" / "0.output.lock").unlink()
    assert acquire(folder) is None
    assert folder_lock.read_holder(folder).pid == os.getpid()
    record_holder(folder)
    assert folder_lock.read_holder(folder).host == HERE.host

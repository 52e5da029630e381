"""Results in object storage, for jobs that share no filesystem with the machine of the user.

Snakemake brings the inputs of a job from the storage and stores its outputs. The local copies lie
in a folder of Snakemake's, and the folders of the project link to it. So whatever reads a project
reads the local copies. Checkpoints are no outputs. A thread stores each while the training goes on,
so a job whose machine is taken away resumes on another.
"""

import atexit
import contextlib
import copy
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from isoloss.errors import UserError

README = "README.md"  # in the folders of results and figures of a clone
LOOK_S = 1.0  # between two looks for a new checkpoint


def link(folder: str | Path, copies: str | Path) -> None:
    """Let a folder of the project be the folder of the local copies.

    Parameters
    ----------
    folder : path
        Of the project, for example `results`.
    copies : path
        The folder into which Snakemake brings what is stored below `folder`.

    Raises
    ------
    UserError
        There is another folder of that name, with more in it than a clone has.
    """
    folder, copies = Path(folder), Path(copies)
    copies.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink() and folder.resolve() == copies.resolve():
        return
    if folder.is_dir() and not folder.is_symlink():
        if any(path.name != README for path in folder.iterdir()):
            problem = "is a folder of this machine, and the results are to be in object storage"
            raise UserError(str(folder), [f"{problem}; move it"])
        for path in folder.iterdir():
            path.rename(copies / README)
        folder.rmdir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several jobs may make it at once.
    with contextlib.suppress(FileExistsError):
        folder.symlink_to(os.path.relpath(copies, folder.parent))


def fetch(stored: Any, path: Path | None = None) -> bool:
    """Make a local copy of a storage object, whole or not at all; tell whether there is one.

    Parameters
    ----------
    stored : storage object
    path : path, optional
        Of the copy; by default where Snakemake has it.
    """
    if not stored.exists():
        return False
    path = path or Path(stored.local_path())
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = copy.copy(stored)
    with _beside(path) as partial:
        stored.set_local_path(partial)
        stored.retrieve_object()
        partial.replace(path)
    return True


class StoredCheckpoints:
    """The checkpoints of a job's trainings: fetched at its start, and stored while they train.

    Parameters
    ----------
    checkpoints : mapping of path to storage object
        Each checkpoint of the job, and its place in the storage.
    is_done : mapping of path to function
        Whether the storage has the result of the training.
    warn : function
        Takes a message of what could not be stored.
    """

    def __init__(
        self,
        checkpoints: Mapping[Path, Any],
        is_done: Mapping[Path, Callable[[], bool]],
        warn: Callable[[str], None],
    ):
        self._checkpoints, self._is_done, self._warn = checkpoints, is_done, warn
        self._stored: dict[Path, int] = {}  # when the state that is stored was written, in ns
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Fetch what an earlier job has stored, and begin to store."""
        for path, stored in self._checkpoints.items():
            if not path.exists() and fetch(stored, path):
                self._stored[path] = path.stat().st_mtime_ns
        self._thread.start()
        atexit.register(self.end)

    def end(self) -> None:
        """Store the last states, and forget those of trainings whose results are stored."""
        self._ended.set()
        self._thread.join()
        for path, stored in self._checkpoints.items():
            with self._warned(path):
                if self._is_done[path]():
                    if stored.exists():
                        stored.remove()
                else:
                    self._store(path, stored)

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            for path, stored in self._checkpoints.items():
                with self._warned(path):
                    self._store(path, stored)

    def _store(self, path: Path, stored: Any) -> None:
        """Store a checkpoint, if there is a new one."""
        with _beside(path) as kept:
            try:
                os.link(path, kept)  # the training replaces its file at any moment
            except FileNotFoundError:
                return
            written = kept.stat().st_mtime_ns
            if self._stored.get(path) != written:
                stored.set_local_path(kept)
                stored.store_object()
                self._stored[path] = written

    @contextlib.contextmanager
    def _warned(self, path: Path) -> Iterable[None]:
        try:
            yield
        except Exception as error:  # the training goes on, whatever the storage answers
            self._warn(f"{path} could not be kept in the storage: {error}")


@contextlib.contextmanager
def _beside(path: Path) -> Iterable[Path]:
    """A name beside a file, for a while."""
    other = path.with_name(f".{path.name}.stored.partial")
    other.unlink(missing_ok=True)
    try:
        yield other
    finally:
        other.unlink(missing_ok=True)

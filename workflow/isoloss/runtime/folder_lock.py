"""The lock of a project folder, which the system releases when its process dies.

Snakemake locks the files that it will write, by files that stay behind when it is killed; and a
Snakemake that ends removes the lock files of all others. So the Snakemake that makes results also
holds an exclusive lock of the system (`flock`), and records itself as the lock holder. With that
lock, Snakemake's lock files are stale, and are removed, if the last lock holder was of this
machine. Processes of another machine on a shared filesystem cannot be detected.
"""

import contextlib
import os
import platform
import shlex
import shutil
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from isoloss.errors import UserError
from isoloss.files import read_json, write_json

SNAKEMAKE_LOCKS = "locks/*.lock"  # in `.snakemake`: the files by which Snakemake locks a folder
HOLDER_FILE, LOCK_FILE = "isoloss.holder.json", "isoloss.lock"
BOOT_ID, MACHINE_ID = Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id")
MAX_COMMAND = 200  # characters
POLL_S = 0.2
_HELD: dict[Path, int] = {}  # folder -> descriptor of its locked file, open until the process ends


@dataclass(frozen=True)
class LockHolder:
    """A process that makes results in a folder.

    Attributes
    ----------
    machine : str or None
        The identity of its machine, if the system has one.
    boot : str or None
        The identity of the running kernel, which all containers of a machine share.
    """

    pid: int
    host: str
    machine: str | None
    boot: str | None
    since_utc: str
    command: str

    @property
    def is_of_this_machine(self) -> bool:
        """Whether it runs, or ran, on this machine, also before a restart of it."""
        here = this_process()
        if here.boot and here.boot == self.boot:
            return True
        same = (self.machine, self.host) == (here.machine, here.host)
        return same and here.machine is not None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since_utc} UTC ({self.command})"


def this_process() -> LockHolder:
    """This process as a lock holder."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return LockHolder(
        pid=os.getpid(),
        host=platform.node(),
        machine=str(uuid.getnode()) if sys.platform == "darwin" else _text(MACHINE_ID),
        boot=_text(BOOT_ID),
        since_utc=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        command=command[:MAX_COMMAND],
    )


def acquire(folder: str | Path, wait_s: float = 0.0) -> LockHolder | None:
    """Take the exclusive lock of a folder until this process ends, and remove stale locks.

    Parameters
    ----------
    folder : path
        Snakemake's own, `.snakemake`.
    wait_s : float
        How long to wait for a process that holds the lock.

    Returns
    -------
    LockHolder or None
        The killed Snakemake whose stale locks were removed, if there was one.

    Raises
    ------
    BlockingIOError
        Another process of this machine holds the lock.
    """
    folder = Path(folder)
    if folder.resolve() in _HELD:
        return None
    try:
        import fcntl

        folder.mkdir(exist_ok=True)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except (ImportError, OSError):
        return None  # Snakemake reports the problem of the folder
    until_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= until_s:
                os.close(lock)
                raise
            time.sleep(POLL_S)
        except OSError:  # a filesystem without locks
            os.close(lock)
            return None
    _HELD[folder.resolve()] = lock
    return _remove_stale_locks(folder)


def record_holder(folder: str | Path) -> None:
    """Write down this process as the lock holder of a folder."""
    with contextlib.suppress(UserError):  # on a full disk, the next job that writes reports it
        write_json(Path(folder) / HOLDER_FILE, asdict(this_process()))


def read_holder(folder: str | Path) -> LockHolder | None:
    """The last lock holder of a folder, if its record can be read."""
    with contextlib.suppress(UserError, TypeError):
        return LockHolder(**read_json(Path(folder) / HOLDER_FILE))
    return None


def locked_message(folder: str | Path) -> str:
    """The message for a user of a locked folder."""
    holder, place = read_holder(folder), Path(folder).resolve().parent
    there = shlex.quote(str(place))
    unlock = f"If it no longer runs, remove its locks: cd {there} && snakemake --unlock"
    if holder is None:
        return f"{place} is locked by another snakemake. {unlock}"
    said = f"{place} is in use by another snakemake: {holder}."
    if not holder.is_of_this_machine:
        return f"{said} That is another machine. {unlock}"
    return f"{said} Wait for it, or end it (kill -INT {holder.pid}), and give the command again."


def _remove_stale_locks(folder: Path) -> LockHolder | None:
    """With the exclusive lock: remove Snakemake's lock files, if their holder was here."""
    last = read_holder(folder)
    if not any(folder.glob(SNAKEMAKE_LOCKS)):
        record_holder(folder)
        return None
    if last is None or not last.is_of_this_machine:
        return None
    shutil.rmtree((folder / SNAKEMAKE_LOCKS).parent, ignore_errors=True)
    record_holder(folder)
    return last


def _text(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text().strip() or None
    return None

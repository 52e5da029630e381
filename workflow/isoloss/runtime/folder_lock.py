"""Who makes results in a folder: said to whoever else wants to, and known to be gone when it is.

Snakemake locks what it makes by files of its own, and leaves those behind when it is killed. So
each workflow also holds a lock of the system's, which ends when its process does, however that
ends; and the one that makes results writes down who it is. Snakemake's locks are removed only
where nobody on this machine holds ours and the last to write itself down was of this machine:
what another machine does on a shared filesystem cannot be known for certain.
"""

import contextlib
import os
import platform
import shlex
import shutil
import sys
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from isoloss.errors import UserError
from isoloss.files import read_json, write_json

RECORD, LOCK = "isoloss.holder.json", "isoloss.lock"
BOOT, MACHINE = Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id")
LONGEST_COMMAND = 200
_HELD: list[int] = []  # descriptors of the system's locks, open until the process ends


@dataclass(frozen=True)
class Holder:
    """A process that makes results."""

    pid: int
    host: str
    machine: str | None
    boot: str | None  # of the kernel: its processes, in whatever container, have one
    since_utc: str
    command: str

    @property
    def is_of_this_machine(self) -> bool:
        """Whether it runs, or ran, on this machine: since the same start of it, or an earlier."""
        here = me()
        if here.boot and here.boot == self.boot:
            return True
        same = (self.machine, self.host) == (here.machine, here.host)
        return same and here.machine is not None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since_utc} UTC ({self.command})"


def me() -> Holder:
    """This process."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return Holder(
        pid=os.getpid(),
        host=platform.node(),
        machine=str(uuid.getnode()) if sys.platform == "darwin" else _text(MACHINE),
        boot=_text(BOOT),
        since_utc=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        command=command[:LONGEST_COMMAND],
    )


def arrive(folder: str | Path) -> Holder | None:
    """Join those who look at a folder, and remove the locks of a workflow that was killed.

    Parameters
    ----------
    folder : path
        Snakemake's own, `.snakemake`.

    Returns
    -------
    Holder or None
        The one whose locks were removed.
    """
    folder = Path(folder)
    try:
        import fcntl

        folder.mkdir(exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except (ImportError, OSError):
        return None  # Snakemake says what is wrong with the folder
    gone = None
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            gone = _clear(folder)
        fcntl.flock(lock, fcntl.LOCK_SH)  # the next one to arrive is not alone
        _HELD.append(lock)
    except OSError:  # a filesystem without locks
        os.close(lock)
    return gone


def hold(folder: str | Path) -> None:
    """Write down that this process makes results in a folder."""
    with contextlib.suppress(UserError):  # a full disk is said by the job that meets it
        write_json(Path(folder) / RECORD, asdict(me()))


def in_use(folder: str | Path) -> str:
    """What to tell one who wants to make results in a folder that is locked."""
    found, place = holder(folder), Path(folder).resolve().parent
    there = shlex.quote(str(place))
    unlock = f"If it no longer runs, remove its locks: cd {there} && snakemake --unlock"
    if found is None:
        return f"{place} is locked by another snakemake. {unlock}"
    said = f"{place} is in use by another snakemake: {found}."
    if not found.is_of_this_machine:
        return f"{said} That is another machine. {unlock}"
    return f"{said} Wait for it, or end it (kill -INT {found.pid}), and give the command again."


def holder(folder: str | Path) -> Holder | None:
    """Who last made results in a folder, if that can be read."""
    with contextlib.suppress(UserError, TypeError):
        return Holder(**read_json(Path(folder) / RECORD))
    return None


def _clear(folder: Path) -> Holder | None:
    """With nobody else of this machine here, remove the locks of one that was."""
    last = holder(folder)
    if not any((folder / "locks").glob("*.lock")):
        hold(folder)
        return None
    if last is None or not last.is_of_this_machine:
        return None
    shutil.rmtree(folder / "locks", ignore_errors=True)
    hold(folder)
    return last


def _text(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text().strip() or None
    return None

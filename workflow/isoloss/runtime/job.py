"""One job of the workflow: `python -m isoloss.runtime.job COMMAND ...`.

Importing PyTorch and its like takes seconds, and most jobs take less. Where the workflow has a
worker pool (`isoloss.runtime.worker_pool`), the job runs in a worker of it. Elsewhere, as in an
allocation of a cluster, it runs in this process. This module imports the standard library alone.
Trainings have a quicker client, `isoloss.runtime.client`.
"""

import contextlib
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence

from isoloss.runtime.client import ONE_THREAD, POOL_SOCKET, ask
from isoloss.runtime.ended import USER_ERROR, exit_code

# Environment variables that the workflow sets for its jobs.
COMMIT = "ISOLOSS_COMMIT"
DEVICE = "ISOLOSS_DEVICE"
KERNEL = "ISOLOSS_KERNEL"
UNFINISHED = "ISOLOSS_UNFINISHED"  # names a file with failed jobs and missing files, for the report
WORKFLOW = "ISOLOSS_WORKFLOW"  # the number of the Snakemake on this machine that started the job
LAST_STATES = "ISOLOSS_LAST_STATES"  # asks for the checkpoint of a training that is finished
COMMANDS = {
    "corpus": "isoloss.jobs.corpus",
    "train": "isoloss.jobs.train",
    "trunk": "isoloss.jobs.trunk",
    "stack": "isoloss.jobs.stack",
    "plan": "isoloss.jobs.plan",
    "collect": "isoloss.jobs.collect",
    "losses": "isoloss.jobs.losses",
    "complete": "isoloss.jobs.complete",
    "predict": "isoloss.jobs.predict",
    "fit": "isoloss.jobs.fit",
    "fits": "isoloss.jobs.fits",
    "audit": "isoloss.jobs.audit",
    "analyse": "isoloss.jobs.analyse",
    "analyses": "isoloss.jobs.analyses",
    "figure": "isoloss.jobs.figure",
    "report": "isoloss.jobs.report",
}
USAGE_ERROR = 2
# What a job may need beyond what the pool's first process has imported, and the exit code of a
# worker without it. The pool then starts the job again in a worker that has it.
ANALYSIS, TORCH = "analysis", "torch"
ELSEWHERE = {ANALYSIS: 81, TORCH: 82}
LOOK_S = 1.0  # between two looks whether Snakemake still runs, where the system does not tell it
TRY_AGAIN = 75  # the job was interrupted and can resume: EX_TEMPFAIL


_LOADED: set[str] = set()  # what a worker of the pool has imported; empty in any other process


def hold_loaded(names: set[str]) -> None:
    """In a worker of the pool: say what it has imported."""
    _LOADED.update(names)


def needs(name: str) -> None:
    """In a worker without `ANALYSIS` or `TORCH`: end, so that the job is started where it is."""
    if _LOADED and name not in _LOADED:
        raise SystemExit(ELSEWHERE[name])


def run_command(argv: Sequence[str]) -> int:
    """Run a command in this process and return its exit code.

    A `UserError` is printed as a message, without a traceback.
    """
    from isoloss import extensions
    from isoloss.errors import Interrupted, UserError
    from isoloss.runtime.memory import keep_freed_memory

    command, *arguments = argv
    keep_freed_memory()
    try:
        extensions.load_named()
        importlib.import_module(COMMANDS[command]).main(arguments)
    except UserError as error:
        print(f"isoloss {command}: {error}", file=sys.stderr)
        return USER_ERROR
    except Interrupted as error:
        print(f"isoloss {command}: {error}", file=sys.stderr)
        return TRY_AGAIN
    except SystemExit as error:  # argparse
        return error.code if isinstance(error.code, int) else USAGE_ERROR
    return 0


@contextlib.contextmanager
def short_path(address: str) -> Iterator[str]:
    """Give a short path of a socket on Linux, while the block runs.

    A socket's path may have at most 107 bytes, and a TMPDIR may have more. So the path leads
    through the open folder of the socket.

    Raises
    ------
    OSError
        There is no such folder.
    """
    folder, name = os.path.split(address)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def run_in_pool(argv: Sequence[str], address: str) -> int:
    """Run a command in a worker of the pool at `address`, and return its exit code.

    The worker takes this process's folder, environment, standard output and standard error.

    Raises
    ------
    OSError
        There is no worker pool at that address.
    """
    return exit_code(argv[0], ask(argv, address))


def end_with(workflow: int) -> None:
    """Send this process SIGTERM when another one has ended, as the worker pool does for its jobs.

    A job that runs alone would train on when Snakemake was killed, beside its next start. The
    parent is a shell, which does not end with Snakemake.

    Parameters
    ----------
    workflow : int
        The number of the other process.
    """
    import threading

    def wait() -> None:
        try:
            # A process that has ended counts as such before its parent has asked for its exit code.
            select.select([os.pidfd_open(workflow)], [], [])
        except ProcessLookupError:
            pass
        except (AttributeError, OSError):  # not Linux, or an old one
            with contextlib.suppress(ProcessLookupError):
                while True:
                    os.kill(workflow, 0)
                    time.sleep(LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def main(argv: Sequence[str]) -> int:
    """Run the command in `argv`, in the worker pool if there is one, and return its exit code."""
    if not argv or argv[0] not in COMMANDS:
        print(f"usage: python -m isoloss.runtime.job {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
        return USAGE_ERROR
    os.environ.update(ONE_THREAD)
    address = os.environ.get(POOL_SOCKET)
    if address:
        try:
            return run_in_pool(argv, address)
        except OSError as error:
            print(f"isoloss: no worker pool at {address} ({error}); running alone", file=sys.stderr)
    if workflow := os.environ.get(WORKFLOW):
        end_with(int(workflow))
    from isoloss.runtime.portable import portable_environment

    os.environ.update(portable_environment())
    return run_command(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

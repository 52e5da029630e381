"""Run one job of the workflow: `python -m isoloss.runtime.job COMMAND ...`.

Importing PyTorch and its like takes seconds, most jobs take less. Where the workflow has a worker
pool (see `isoloss.runtime.worker_pool`), the job is a fork of its process; elsewhere, as on a
cluster, it runs here.
This module imports nothing but the standard library.
"""

import array
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence

# Environment variables that the workflow sets for its jobs.
WARM_SOCKET = "ISOLOSS_WARM_SOCKET"
COMMIT = "ISOLOSS_COMMIT"
DEVICE = "ISOLOSS_DEVICE"
UNFINISHED = "ISOLOSS_UNFINISHED"  # names a file: what could not be made, for the report
LAST_STATES = "ISOLOSS_LAST_STATES"  # asks for the checkpoint of a training that is finished
COMMANDS = {
    "corpus": "isoloss.jobs.corpus",
    "train": "isoloss.jobs.train",
    "trunk": "isoloss.jobs.trunk",
    "plan": "isoloss.jobs.plan",
    "collect": "isoloss.jobs.collect",
    "losses": "isoloss.jobs.losses",
    "complete": "isoloss.jobs.complete",
    "predict": "isoloss.forecast.prediction",
    "fit": "isoloss.jobs.fit",
    "fits": "isoloss.jobs.fits",
    "audit": "isoloss.jobs.audit",
    "analyse": "isoloss.jobs.analyse",
    "analyses": "isoloss.jobs.analyses",
    "figure": "isoloss.jobs.figure",
    "report": "isoloss.jobs.report",
}
USER_ERROR, USAGE_ERROR = 1, 2
AGAIN = 75  # the job ended before its time, and can go on: EX_TEMPFAIL
# One thread a job: several jobs side by side are faster than several threads in one of them.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def run_command(argv: Sequence[str]) -> int:
    """Run a command in this process and return its exit code; a user's mistake is a message."""
    from isoloss.errors import Interrupted, UserError

    command, *arguments = argv
    try:
        importlib.import_module(COMMANDS[command]).main(arguments)
    except UserError as error:
        print(f"isoloss {command}: {error}", file=sys.stderr)
        return USER_ERROR
    except Interrupted as error:
        print(f"isoloss {command}: {error}", file=sys.stderr)
        return AGAIN
    except SystemExit as error:  # argparse
        return error.code if isinstance(error.code, int) else USAGE_ERROR
    return 0


def run_warm(argv: Sequence[str], address: str) -> int:
    """Have the warm process at `address` run a command with this process's output and folder.

    Raises
    ------
    OSError
        There is no warm process at that address.
    """
    request = json.dumps(
        {"argv": list(argv), "cwd": os.getcwd(), "environ": dict(os.environ)}  # noqa: PTH109
    ).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        for number in (signal.SIGINT, signal.SIGTERM):
            # The warm process ends the job when this connection does.
            signal.signal(number, signal.SIG_DFL)
        outputs = array.array("i", [sys.stdout.fileno(), sys.stderr.fileno()])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, outputs)]
        connection.sendmsg([len(request).to_bytes(8)], rights)
        connection.sendall(request)
        reply = connection.recv(16)
    if not reply:
        print("isoloss: the warm process ended before the job did", file=sys.stderr)
        return USER_ERROR
    return int(reply)


def main(argv: Sequence[str]) -> int:
    """The exit code of the command in `argv`, run warm where that is possible."""
    if not argv or argv[0] not in COMMANDS:
        print(f"usage: python -m isoloss.runtime.job {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
        return USAGE_ERROR
    os.environ.update(ONE_THREAD)
    address = os.environ.get(WARM_SOCKET)
    if address:
        try:
            return run_warm(argv, address)
        except OSError as error:
            print(f"isoloss: no warm process at {address} ({error}); going on", file=sys.stderr)
    return run_command(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How a job in the worker pool has ended: its exit code, and what its user is told.

This module imports the standard library alone: it is for the clients of the worker pool.
"""

import json
import os
import signal
import sys

MEMORY_MB = "ISOLOSS_MEMORY_MB"  # the memory that a training was planned to need
USER_ERROR = 1


def exit_code(command: str, reply: bytes) -> int:
    """The exit code of a job by the pool's reply; a job that a signal has ended is told of."""
    if not reply:
        print("isoloss: the worker pool ended before the job did", file=sys.stderr)
        return USER_ERROR
    ended = json.loads(reply)
    if ended["code"] >= 0:
        return ended["code"]
    print(killed_message(command, -ended["code"], ended["peak_memory_mib"]), file=sys.stderr)
    return 128 - ended["code"]


def killed_message(command: str, number: int, peak_memory_mib: int) -> str:
    """What a user is told of a job that a signal has ended.

    Parameters
    ----------
    command : str
        The command of the job.
    number : int
        Of the signal.
    peak_memory_mib : int
        The most memory that the job has held.
    """
    name = signal.Signals(number).name
    said = (
        f"isoloss {command}: killed by signal {number} ({name});"
        f" the job had used up to {peak_memory_mib:,} MiB of memory."
    )
    if number == signal.SIGKILL:
        planned_mb = os.environ.get(MEMORY_MB)
        said += f" It was planned to need {int(planned_mb):,} MB." if planned_mb else ""
        said += (
            " Unless somebody sent the signal, the kernel did, because memory was short:"
            " run fewer jobs at a time (--cores)."
        )
    return said

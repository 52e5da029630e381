"""What a dry run shows: a few jobs of each rule with the reason of each, and how many there are."""

import collections
import logging

from snakemake_interface_logger_plugins.common import LogEvent

MOST_JOBS, MOST_FILES = 3, 2  # shown of each rule; of each reason


class Plan:
    """The jobs that a dry run has told of."""

    def __init__(self):
        self.n_jobs: collections.Counter[str] = collections.Counter()  # by rule

    def text(self, record: logging.LogRecord) -> str | None:
        """What is shown in place of a record; None where it is shown as Snakemake shows it."""
        match getattr(record, "event", None):
            case LogEvent.JOB_INFO:
                rule = record.rule_name
                self.n_jobs[rule] += 1
                if self.n_jobs[rule] > MOST_JOBS:
                    return ""
                return f"{record.rule_msg or rule}\n    {shortened(str(record.reason))}\n"
            case LogEvent.SHELLCMD:
                return ""
            case LogEvent.RUN_INFO if self.n_jobs:
                more = {rule: n - MOST_JOBS for rule, n in self.n_jobs.items() if n > MOST_JOBS}
                self.n_jobs.clear()
                told = ", ".join(f"{n} of {rule}" for rule, n in more.items())
                return f"and {told} (all: snakemake -n -p)\n" if told else ""
        return None


def shortened(reason: str) -> str:
    """A reason with the first of the files that it names.

    >>> shortened("Updated input files: a, b, c, d; Forced execution")
    'Updated input files: a, b and 2 more; Forced execution'
    """
    parts = []
    for part in reason.split("; "):
        kind, colon, names = part.partition(": ")
        files = names.split(", ")
        more = len(files) - MOST_FILES
        said = ", ".join(files[:MOST_FILES]) + (f" and {more} more" if more > 0 else "")
        parts.append(kind + colon + said)
    return "; ".join(parts)

"""What Snakemake has recorded of a training, and need not compare."""

from collections.abc import Sequence
from typing import Any


def forget_inputs(persistence: Any, paths: Sequence[str]) -> None:
    """Forget which files a job read.

    A run's name says all that can change its result. Which piece of a trunk it went on from, and
    whether a prediction had to be there first, depends on the other runs of its study and makes
    it no other run. Snakemake would take another set of inputs for a reason to train it again.

    The record itself stays, without the inputs: of files without one, Snakemake warns.

    Parameters
    ----------
    persistence : snakemake.persistence.PersistenceBase
        What Snakemake recorded of this folder's jobs.
    paths : list of str
        All outputs of one job.
    """
    first = persistence._read_record(paths[0])
    if first is None or first.input is None:
        return  # forgotten before: the first is written last
    for path in reversed(paths):
        record = persistence._read_record(path)
        if record is not None and record.input is not None:
            record.input = None
            persistence._write_record(path, record)

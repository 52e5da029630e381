"""The analysis of the batch size."""

from typing import Literal

from isoloss.config.section import Levels
from isoloss.exhibits.base import Analysing


class CriticalBatch(Analysing):
    """Steps against batch size at equal loss, the critical batch, and the gradient noise scale."""

    do: Literal["critical_batch"]
    levels: Levels = 8  # losses at which the runs are compared

"""What a run will cost, before it is run."""

from dataclasses import dataclass

from isoloss import counting
from isoloss.config.runs import Run

# Of a present-day core on small matrices, and of PyTorch's bookkeeping around a step. They only
# order the jobs and weigh the progress, which corrects them by the times that it sees.
FLOPS_PER_S = 3e10
STEP_S = 3e-4
JOB_S = 0.25


@dataclass(frozen=True)
class Cost:
    """A planned cost."""

    flops: float  # exact count, forward and backward
    core_s: float  # a rough guess


def cost_of(run: Run, vocab_size: int | None = None) -> Cost:
    """The planned cost of a run; `vocab_size` is for language runs."""
    counted = counting.cost_of(run, vocab_size)
    seconds = JOB_S + counted.steps * STEP_S + counted.flops / FLOPS_PER_S
    return Cost(flops=float(counted.flops), core_s=seconds)

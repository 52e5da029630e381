"""The planned cost of a run, before it is trained."""

from dataclasses import dataclass

from isoloss import tasks
from isoloss.config.runs import Run

# The speed of a present-day core on small matrices, PyTorch's overhead of a step, and the start of
# a job. These guesses only order jobs and weigh progress, which corrects them by measured times.
FLOPS_PER_S = 3e10
STEP_S = 3e-4
JOB_S = 0.25


@dataclass(frozen=True)
class Cost:
    """A planned cost."""

    steps: int
    flops_per_step: int  # exact count, forward and backward

    @property
    def flops(self) -> float:
        """FLOPs of all steps."""
        return float(self.steps * self.flops_per_step)

    @property
    def core_s(self) -> float:
        """A rough guess of the time on one core, in seconds."""
        return JOB_S + self.steps * STEP_S + self.flops / FLOPS_PER_S


def cost_of(run: Run, vocab_size: int | None = None) -> Cost:
    """The planned cost of a run; `vocab_size` is that of the run's corpus."""
    counted = tasks.cost_of(run, vocab_size)
    return Cost(steps=counted.steps, flops_per_step=counted.flops_per_step)

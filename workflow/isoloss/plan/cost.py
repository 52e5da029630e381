"""The planned cost of a job, before it runs."""

from dataclasses import dataclass

from isoloss import tasks
from isoloss.config import runs
from isoloss.config.runs import Run
from isoloss.tasks.base import Solved
from isoloss.tasks.evaluations import evaluation_steps, octave_steps
from isoloss.tasks.kernel import is_native

JOB_S = 0.1  # the start of a job
# What a job of the rules that do not train takes on one core, in seconds: for the time left alone.
RULE_S = {
    "analyse": 1.0,
    "analyses": 0.2,
    "audit": 1.0,
    "collect": 0.5,
    "complete": 0.5,
    "corpus": 1.0,
    "default": 0.0,
    "figure": 1.1,
    "figures": 0.0,
    "fit": 1.3,
    "fits": 0.2,
    "losses": 0.2,
    "plan": 0.1,
    "predict": 9.0,
    "report": 2.5,
}


@dataclass(frozen=True)
class Speed:
    """How fast a core of a present-day CPU trains models of a kind.

    These numbers were measured once. They only order jobs and weigh progress, which corrects them
    by measured times.

    Attributes
    ----------
    step_s : float
        What a step takes beside its FLOPs and tokens.
    token_s : float
        What a target token of a step takes beside its FLOPs; an evaluation takes a third of it.
    flops_per_s, evaluated_flops_per_s : float
        In steps, and in evaluations.
    sample_s : float
        What it takes to draw a sample of a function.
    """

    step_s: float
    token_s: float
    flops_per_s: float
    evaluated_flops_per_s: float
    sample_s: float = 0.0


TRANSFORMER = Speed(1e-5, 4.7e-7, 7e10, 9.5e10)  # by the native kernel, as the next
MLP = Speed(5.5e-5, 0.0, 8e10, 6e10, 2e-6)
DROPOUT = Speed(2.4e-3, 0.0, 6e10, 6e10)  # a transformer by PyTorch
CLOSED_FORM = Speed(0.0, 0.0, 2e9, 2e9)
OTHER = Speed(3e-4, 0.0, 3e10, 3e10)


@dataclass(frozen=True)
class Cost:
    """A planned cost."""

    steps: int
    flops_per_step: int  # exact count, forward and backward
    tokens_per_step: int = 0
    evaluations: int = 0
    flops_per_evaluation: int = 0
    speed: Speed = OTHER
    samples: int = 0  # drawn before the first step

    @property
    def flops(self) -> float:
        """FLOPs of all steps."""
        return float(self.steps * self.flops_per_step)

    @property
    def evaluation_flops(self) -> float:
        """FLOPs of all evaluations."""
        return float(self.evaluations * self.flops_per_evaluation)

    @property
    def core_s(self) -> float:
        """A rough guess of the time on one core, in seconds."""
        speed = self.speed
        # A token of a step is computed three times: forward, and backward at the cost of two.
        evaluated = 3 * self.evaluation_flops / max(1, self.flops_per_step) * self.tokens_per_step
        return (
            JOB_S
            + self.samples * speed.sample_s
            + self.steps * (speed.step_s + self.tokens_per_step * speed.token_s)
            + self.flops / speed.flops_per_s
            + evaluated * speed.token_s / 3
            + self.evaluation_flops / speed.evaluated_flops_per_s
        )


def cost_of(
    run: Run, vocab_size: int | None = None, *, begun: int = 0, to_be_continued: bool = False
) -> Cost:
    """The planned cost of a job.

    Parameters
    ----------
    run : Run
    vocab_size : int, optional
        That of the run's corpus.
    begun : int
        Steps that another job has done.
    to_be_continued : bool
        Whether the job is a piece of a trunk, without an evaluation at its last step.
    """
    counted = tasks.cost_of(run, vocab_size)
    training = tasks.task_of(run).training(run)
    placed = octave_steps if to_be_continued else evaluation_steps
    evaluated = placed(counted.steps, training) if training else ()
    return Cost(
        steps=counted.steps - begun,
        flops_per_step=counted.flops_per_step,
        tokens_per_step=counted.tokens_per_step or 0,
        evaluations=sum(step > begun for step in evaluated),
        flops_per_evaluation=counted.flops_per_evaluation,
        speed=_speed(run),
        samples=getattr(run.data, "n_samples", 0),
    )


def _speed(run: Run) -> Speed:
    transformer = isinstance(run.model, runs.Transformer)
    if is_native(run):
        return TRANSFORMER if transformer else MLP
    if transformer:
        return DROPOUT
    return CLOSED_FORM if isinstance(tasks.task_of(run), Solved) else OTHER

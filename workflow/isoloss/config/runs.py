"""Settings that runs share: the optimiser, the models, and the base of every run's settings."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from isoloss.config.section import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
)

MOST_NUMBERS = 10**9  # the most numbers in a job's memory at once: 4 GB
Evals = Annotated[int, Field(gt=0, le=10_000)]
Exponent = Annotated[float, Field(ge=-4, le=4)]
Noise = Annotated[float, Field(ge=0, le=1e6)]  # for targets of about 1
Layers = Annotated[int, Field(gt=0, le=10_000)]
Loops = Annotated[int, Field(gt=1, le=1000)]


class Run(Section):
    """The settings of one run: exactly those that can change its result, apart from the seed.

    A task subclasses it (see `isoloss.tasks.base`). A run that is trained in steps also has a
    section `training`.
    """

    task: Section  # its `kind` is the name of the task
    model: Section
    data: Section


class Optimisation(Section):
    """How a model is trained: AdamW and a learning-rate schedule."""

    peak_lr: PositiveFloat  # the learning rate after warm-up, at `lr_base_width`
    lr_base_width: PositiveInt | None = None  # the width at which `peak_lr` holds; null: any width
    lr_width_exponent: Exponent = -1.0  # learning rate ~ (width / base)^this, if there is a base
    # Schedule of the learning rate after warm-up; wsd: constant, then a cooldown.
    schedule: Literal["constant", "cosine", "linear", "wsd"]
    warmup_fraction: Fraction = 0.0  # share of the steps with a linearly growing rate
    warmup_steps: NonNegativeInt | None = None  # a number of such steps, whatever the run's length
    cooldown_fraction: Fraction = 0.2  # wsd only: share of the steps with a falling rate
    final_lr_fraction: Fraction = 0.0  # cosine, linear: the last rate over the peak rate
    batch_size: PositiveInt | None = None  # samples or sequences per step; null: all of them
    beta1: Fraction = 0.9  # AdamW: decay of the mean of the gradients
    beta2: Fraction = 0.999  # AdamW: decay of the mean of the squared gradients
    weight_decay: NonNegativeFloat = 0.0  # decoupled weight decay, of matrices only
    clip_norm: PositiveFloat | None = None  # largest norm of the gradient; null: no limit
    n_evals: Evals = 20  # held-out evaluations, at log-spaced steps; the last step is one
    # Instead of n_evals: evaluations per doubling of the steps, the same for runs of any length.
    evals_per_octave: Evals | None = None
    first_eval: PositiveInt = 1  # with evals_per_octave: the first step with an evaluation
    patience: PositiveInt | None = None  # evaluations without a new lowest loss that end a run
    noise_scale: bool = False  # measure the gradient noise scale on two halves of each batch

    def lr_at_width(self, width: int) -> float:
        """The learning rate after warm-up of a model of this width."""
        if self.lr_base_width is None:
            return self.peak_lr
        from isoloss.elementary import power  # with NumPy, which only planning needs

        return self.peak_lr * power(width / self.lr_base_width, self.lr_width_exponent)

    @model_validator(mode="after")
    def _schedule_fits_in_the_run(self) -> Self:
        if self.warmup_steps is not None and self.warmup_fraction:
            raise ValueError("warmup_steps and warmup_fraction exclude each other")
        if self.noise_scale and (self.batch_size is None or self.batch_size % 2):
            raise ValueError(f"noise_scale needs an even batch_size, got {self.batch_size}")
        if self.schedule == "wsd" and self.warmup_fraction + self.cooldown_fraction > 1:
            raise ValueError("warmup_fraction and cooldown_fraction of wsd add up to more than 1")
        return self


class Stepped(Optimisation):
    """Training for a number of steps, over as many epochs as they take."""

    steps: PositiveInt  # steps of the optimiser


class Mlp(Section):
    """A fully connected network n_inputs - width - ... - width - 1."""

    kind: Literal["mlp"] = "mlp"
    width: PositiveInt  # hidden units of a layer
    n_hidden: Layers = 2  # hidden layers
    activation: Literal["tanh", "relu"] = "tanh"  # of the hidden units


class Transformer(Section):
    """A decoder-only transformer."""

    kind: Literal["transformer"] = "transformer"
    n_layer: Layers  # blocks
    d_model: PositiveInt  # width of the residual stream
    n_head: PositiveInt  # attention heads of a block; they divide d_model
    d_ff: PositiveInt | None = None  # null: 4 d_model
    tie_embeddings: bool = False  # the output layer is the token embedding
    dropout: Fraction = 0.0  # share of the activations that a training step sets to zero

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.d_model % self.n_head:
            raise ValueError(f"n_head {self.n_head} does not divide d_model {self.d_model}")
        return self

    @property
    def n_applied(self) -> int:
        """Blocks that a token passes through."""
        return self.n_layer


class RecurrentTransformer(Transformer):
    """A transformer that applies its stack of blocks several times, with the same weights.

    Kaplan et al. (2020), App. D.2, after Dehghani et al. (2019, arXiv:1807.03819).
    """

    kind: Literal["recurrent_transformer"]
    n_loop: Loops  # times that the stack of blocks is applied

    @property
    def n_applied(self) -> int:
        """Blocks that a token passes through: each one `n_loop` times."""
        return self.n_loop * self.n_layer


class Lstm(Section):
    """Layers of long short-term memory between a transformer's embeddings and its output layer."""

    kind: Literal["lstm"]
    n_layer: Layers  # layers of memory, one on the other
    d_model: PositiveInt  # width of the embeddings and of every layer
    tie_embeddings: bool = False  # the output layer is the token embedding


def has_steps(run: Any, budget: int, key: str, unit: int) -> Any:
    """Check that the run's training has a batch size, and that its budget is at least one batch.

    Raises
    ------
    ValueError
        The message names the key, for pydantic.
    """
    batch = run.training.batch_size
    if batch is None:
        raise ValueError("training.batch_size: missing")
    if batch * unit > budget:
        raise ValueError(f"{key} {budget} is smaller than one batch of {batch * unit}")
    return run


def held(count: int, key: str, numbers: int) -> None:
    """Refuse `count` samples of so many numbers each, if they exceed a job's memory.

    Raises
    ------
    ValueError
        The message names the key, for pydantic.
    """
    if count * numbers > MOST_NUMBERS:
        raise ValueError(
            f"{key} {count:,} is too much to hold at once: {numbers:,} numbers each, at most "
            f"{MOST_NUMBERS:,} in all"
        )

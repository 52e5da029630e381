"""The settings of one training run: exactly what can change its result, apart from the seed."""

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

MOST_NUMBERS = 10**9  # that a job holds at once: 4 GB
MOST_NODES = 10**5  # of a quadrature, which takes their square in time
Evals = Annotated[int, Field(gt=0, le=10_000)]
Exponent = Annotated[float, Field(ge=-4, le=4)]
Noise = Annotated[float, Field(ge=0, le=1e6)]  # beside targets of about 1
Layers = Annotated[int, Field(gt=0, le=10_000)]
Teacher = Annotated[int, Field(gt=0, le=4096)]


class Optimisation(Section):
    """How a model is trained: AdamW and a learning-rate schedule."""

    peak_lr: PositiveFloat  # the learning rate after warm-up, at `lr_base_width`
    lr_base_width: PositiveInt | None = None  # the width at which `peak_lr` holds; null: at any
    lr_width_exponent: Exponent = -1.0  # learning rate ~ (width / base)^this, if there is a base
    # Of the learning rate after warm-up; wsd: constant, then a linear cooldown.
    schedule: Literal["constant", "cosine", "linear", "wsd"]
    warmup_fraction: Fraction = 0.0  # share of the steps with a linearly growing rate
    warmup_steps: NonNegativeInt | None = None  # the same as a number, whatever the run's length
    cooldown_fraction: Fraction = 0.2  # wsd only: share of the steps with a falling rate
    final_lr_fraction: Fraction = 0.0  # cosine, linear: the last rate over the peak rate
    batch_size: PositiveInt | None = None  # samples or sequences a step; null: all of them
    beta1: Fraction = 0.9  # of AdamW: decay of the mean of the gradients
    beta2: Fraction = 0.999  # of AdamW: decay of the mean of their squares
    weight_decay: NonNegativeFloat = 0.0  # decoupled; on matrices only
    clip_norm: PositiveFloat | None = None  # largest norm of the gradient; null: any
    n_evals: Evals = 20  # held-out evaluations, at log-spaced steps; the last step is one
    # Instead of n_evals: evaluations a doubling of the steps, the same for runs of any length.
    evals_per_octave: Evals | None = None
    first_eval: PositiveInt = 1  # with evals_per_octave: the first step with an evaluation
    patience: PositiveInt | None = None  # evaluations without a new lowest loss that end a run
    noise_scale: bool = False  # measure the gradient noise scale on two halves of each batch

    def lr_at_width(self, width: int) -> float:
        """The learning rate after warm-up of a model of this width."""
        if self.lr_base_width is None:
            return self.peak_lr
        return self.peak_lr * (width / self.lr_base_width) ** self.lr_width_exponent

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

    steps: PositiveInt  # of the optimiser


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


class Polynomial(Section):
    """A polynomial in one variable."""

    kind: Literal["polynomial"] = "polynomial"
    degree: NonNegativeInt  # of the polynomial


class FunctionTask(Section):
    """Regression of a known function: y = f(x) + noise_sd * epsilon, x uniform on its domain."""

    kind: Literal["function"]
    target: Literal["sine", "teacher"]  # sin x on [-pi, pi]; a random network on [-1, 1]^n_inputs
    n_inputs: Teacher = 1  # dimensions of x; 1 for the sine
    noise_sd: Noise = 0.0  # standard deviation of the noise on the targets
    teacher_width: Teacher = 32  # hidden units of the random network
    teacher_seed: NonNegativeInt = 0  # of its weights

    @model_validator(mode="after")
    def _sine_has_one_input(self) -> Self:
        if self.target == "sine" and self.n_inputs != 1:
            raise ValueError(f"the target 'sine' has 1 input, not {self.n_inputs}")
        return self


class FunctionData(Section):
    """How many samples a network learns from."""

    n_samples: PositiveInt  # different samples to learn from
    n_heldout: PositiveInt = 4096  # a dense grid for one input, else fixed random points


class FunctionRun(Section):
    """An MLP that learns a function."""

    task: FunctionTask
    model: Mlp
    data: FunctionData
    training: Stepped

    @model_validator(mode="after")
    def _batch_within_the_samples(self) -> Self:
        batch = self.training.batch_size
        if batch is not None and batch > self.data.n_samples:
            raise ValueError(
                f"training.batch_size {batch} is larger than data.n_samples {self.data.n_samples}"
            )
        width = self.model.width
        sample = max(self.task.n_inputs, self.task.teacher_width)
        _held(self.data.n_samples, "data.n_samples", sample)
        _held(batch or self.data.n_samples, "training.batch_size", max(sample, width))
        _held(self.data.n_heldout, "data.n_heldout", max(sample, width))
        return self


class PolynomialTask(Section):
    """Least-squares regression on [-1, 1], in closed form, repeated with fresh samples."""

    kind: Literal["polynomial"]
    target: Literal["sine", "abs"]  # sin(pi x); |x|
    noise_sd: Noise = 0.0  # standard deviation of the noise on the targets
    design: Literal["random", "grid"] = "random"  # x uniform at random, or Gauss-Legendre nodes
    repeats: Annotated[int, Field(gt=0, le=10**6)] = 1  # fits with fresh samples, averaged


class PolynomialRun(Section):
    """A polynomial fitted by least squares."""

    task: PolynomialTask
    model: Polynomial
    data: FunctionData

    @model_validator(mode="after")
    def _more_samples_than_coefficients(self) -> Self:
        if self.data.n_samples <= self.model.degree + 1:
            raise ValueError(
                f"data.n_samples {self.data.n_samples} does not determine the "
                f"{self.model.degree + 1} coefficients of degree {self.model.degree}"
            )
        _held(self.data.n_samples, "data.n_samples", 8 * (self.model.degree + 1))
        _held(self.data.n_heldout, "data.n_heldout", 8 * (self.model.degree + 1))
        nodes = {"n_heldout": self.data.n_heldout}
        if self.task.design == "grid":
            nodes["n_samples"] = self.data.n_samples
        for key, found in nodes.items():
            if found > MOST_NODES:
                raise ValueError(f"data.{key} {found:,} is more than {MOST_NODES:,} nodes")
        return self


class CopyTask(Section):
    """Repeat a random string of characters after a separator."""

    kind: Literal["copy"]
    n_symbols: Annotated[int, Field(ge=2, le=1000)] = 26  # different characters
    length: Annotated[int, Field(gt=0, le=10**6)] = 12  # characters to copy


class SequenceData(Section):
    """How many sequences are seen, each once."""

    n_samples: PositiveInt  # sequences trained on
    n_heldout: PositiveInt = 2048  # sequences held out


class CopyRun(Section):
    """A transformer that learns to copy."""

    task: CopyTask
    model: Transformer
    data: SequenceData
    training: Optimisation

    @model_validator(mode="after")
    def _a_batch_is_named_and_fits(self) -> Self:
        _held(self.data.n_heldout, "data.n_heldout", 2 * self.task.length)
        return _has_steps(self, self.data.n_samples, "data.n_samples", 1)


class LanguageTask(Section):
    """Predict the next token of a corpus."""

    kind: Literal["language"]
    # A corpus of the study's or of config/corpora.yaml; in a plan, its identity.
    corpus: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    context: Annotated[int, Field(ge=2)] = 64  # tokens that a prediction can see


class LanguageData(Section):
    """How many tokens are seen."""

    n_tokens: PositiveInt  # tokens trained on, a token counting each time it is a target
    # The part of the corpus that is used, its first tokens; null: n_tokens; all: the whole.
    n_unique_tokens: PositiveInt | Literal["all"] | None = None
    n_heldout_tokens: PositiveInt = 250_000  # the same held-out tokens for every run

    @model_validator(mode="after")
    def _unique_within_seen(self) -> Self:
        if isinstance(self.n_unique_tokens, int) and self.n_unique_tokens > self.n_tokens:
            raise ValueError(
                f"n_unique_tokens {self.n_unique_tokens} is larger than n_tokens {self.n_tokens}"
            )
        return self


class LanguageRun(Section):
    """A language model."""

    task: LanguageTask
    model: Transformer
    data: LanguageData
    training: Optimisation

    @model_validator(mode="after")
    def _a_batch_is_named_and_fits(self) -> Self:
        _has_steps(self, self.data.n_tokens, "data.n_tokens", self.task.context)
        for key in ("n_unique_tokens", "n_heldout_tokens"):
            tokens = getattr(self.data, key)
            if isinstance(tokens, int) and tokens < self.task.context:
                raise ValueError(
                    f"data.{key} {tokens} is smaller than one context of {self.task.context}"
                )
        warmup, branch = self.training.warmup_steps, self.branch_step
        if warmup is not None and warmup > branch:
            before = "the cooldown begins" if self.training.schedule == "wsd" else "the run ends"
            raise ValueError(
                f"training.warmup_steps {warmup} is more than the {branch} steps before {before}"
            )
        if self.training.schedule == "wsd" and 2 * branch < self.steps:
            raise ValueError(
                f"training.cooldown_fraction {self.training.cooldown_fraction}: the cooldown would "
                f"be longer than its trunk, {self.steps - branch} of {self.steps} steps"
            )
        return self

    @property
    def tokens_per_step(self) -> int:
        return self.training.batch_size * self.task.context

    @property
    def steps(self) -> int:
        """Of the optimiser: whole batches only."""
        return self.data.n_tokens // self.tokens_per_step

    @property
    def branch_step(self) -> int:
        """The last step before the cooldown of `wsd`; of another schedule, the last step."""
        if self.training.schedule != "wsd":
            return self.steps
        return self.steps - round(self.training.cooldown_fraction * self.steps)


def _has_steps(run: Any, budget: int, key: str, unit: int) -> Any:
    batch = run.training.batch_size
    if batch is None:
        raise ValueError("training.batch_size: missing")
    if batch * unit > budget:
        raise ValueError(f"{key} {budget} is smaller than one batch of {batch * unit}")
    return run


def _held(count: int, key: str, numbers: int) -> None:
    if count * numbers > MOST_NUMBERS:
        raise ValueError(
            f"{key} {count:,} is too much to hold at once: {numbers:,} numbers each, at most "
            f"{MOST_NUMBERS:,} in all"
        )


Run = FunctionRun | PolynomialRun | CopyRun | LanguageRun
RUN_MODELS: dict[str, type[Run]] = {
    "function": FunctionRun,
    "polynomial": PolynomialRun,
    "copy": CopyRun,
    "language": LanguageRun,
}

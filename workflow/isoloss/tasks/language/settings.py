"""The settings of a language model's run."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from isoloss.config.runs import (
    Lstm,
    Optimisation,
    RecurrentTransformer,
    Run,
    Transformer,
    has_steps,
)
from isoloss.config.section import Name, PositiveInt, Section


class LanguageTask(Section):
    """Predict the next token of a corpus."""

    kind: Literal["language"]
    # A corpus of the study's or of config/corpora.yaml; in a plan, its identity.
    corpus: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    context: Annotated[int, Field(ge=2)] = 64  # tokens that a prediction can see
    by_position: bool = False  # also measure the held-out loss by the position in the context
    # Names of `elsewhere` of the corpus: texts on which each evaluation also measures the loss.
    elsewhere: list[Name] = []


class LanguageData(Section):
    """The number of tokens."""

    n_tokens: PositiveInt  # tokens trained on; a token counts each time it is a target
    # The first tokens of the corpus, which are used; null: n_tokens; all: the whole corpus.
    n_unique_tokens: PositiveInt | Literal["all"] | None = None
    n_heldout_tokens: PositiveInt = 250_000  # the same held-out tokens for every run

    @model_validator(mode="after")
    def _unique_within_seen(self) -> Self:
        if isinstance(self.n_unique_tokens, int) and self.n_unique_tokens > self.n_tokens:
            raise ValueError(
                f"n_unique_tokens {self.n_unique_tokens} is larger than n_tokens {self.n_tokens}"
            )
        return self


def _a_transformer_if_nothing_is_said(given: Any) -> Any:
    return {"kind": "transformer"} | given if isinstance(given, dict) else given


LanguageModel = Annotated[
    Transformer | RecurrentTransformer | Lstm,
    Field(discriminator="kind"),
    BeforeValidator(_a_transformer_if_nothing_is_said),
]


class LanguageRun(Run):
    """A language model."""

    task: LanguageTask
    model: LanguageModel
    data: LanguageData
    training: Optimisation

    @model_validator(mode="after")
    def _a_batch_is_named_and_fits(self) -> Self:
        has_steps(self, self.data.n_tokens, "data.n_tokens", self.task.context)
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
        """Target tokens of a batch."""
        return self.training.batch_size * self.task.context

    @property
    def steps(self) -> int:
        """Steps of the optimiser, on whole batches only."""
        return self.data.n_tokens // self.tokens_per_step

    @property
    def branch_step(self) -> int:
        """The last step before the cooldown of `wsd`; of another schedule, the last step."""
        if self.training.schedule != "wsd":
            return self.steps
        return self.steps - round(self.training.cooldown_fraction * self.steps)

"""Two recipes: how much compute the second needs for the loss of the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.api.predict import path_of
from isoloss.api.shown import Rows, Shown
from isoloss.errors import UserError
from isoloss.fit.result import plain
from isoloss.fit.settings import FitSettings
from isoloss.fit.text import number
from isoloss.forecast.compare import Comparison, at_compute, at_loss, budget_beyond
from isoloss.forecast.recipes import Recipes, recipes

if TYPE_CHECKING:
    import pandas as pd

LABELS = {
    "compute_ratio": "compute, B / A",
    "speed_up": "speed-up of B",
    "compute_a": "C of A (FLOP)",
    "compute_b": "C of B (FLOP)",
    "loss_a": "loss of A at C of A",
    "loss_b": "loss of B at C of A",
    "loss_difference": "loss, B - A",
}


@dataclass(frozen=True, repr=False, eq=False)
class Compared(Shown):
    """Two recipes, A and B, at budgets or losses.

    Attributes
    ----------
    comparisons : tuple of isoloss.forecast.compare.Comparison
        One for each budget and loss, with estimates, a sentence, and whether it tells.
    recipes : isoloss.forecast.recipes.Recipes
        The fits of both, and whether their runs are paired.
    names : tuple of str
        What A and B are called.
    flops_per_param_token : float
        K of C = K N D.
    """

    comparisons: tuple[Comparison, ...]
    recipes: Recipes
    names: tuple[str, str]
    flops_per_param_token: float

    @property
    def table(self) -> pd.DataFrame:
        """A row for each budget or loss: `compute_ratio` (B / A), `speed_up`, and the rest.

        `compute_a` and `compute_b` are FLOP, losses those of the tables. Each has `_lo` and `_hi`,
        NaN where an end is open.
        """
        import pandas as pd

        return pd.DataFrame([one.row() for one in self.comparisons])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of both tables; one that is about one of them begins with its name."""
        return tuple(self._of_both("warnings"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed of both tables, likewise."""
        return tuple(self._of_both("notes"))

    def _of_both(self, kind):
        first, second = (getattr(one, kind) for one in (self.recipes.a, self.recipes.b))
        shared = [text for text in first if text in second]
        yield from shared
        for name, texts in zip(self.names, (first, second), strict=True):
            yield from (f"{name}: {text}" for text in texts if text not in shared)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as `isoloss compare --json` prints it."""
        both = self.recipes
        return plain({
            "recipes": dict(zip("ab", self.names, strict=True)),
            "compute": f"{self.flops_per_param_token:g} N D",
            "level": both.a.level,
            "paired": both.paired,
            "n_points": both.n_points,
            "n_common": both.n_common,
            "weights": {pair.name: pair.weight for pair in both.pairs},
            "answers": [one.row() for one in self.comparisons],
            "warnings": self.warnings,
            "notes": self.notes,
        })  # fmt: skip

    def parts(self) -> Iterator[str | Rows]:
        """Tables and lines, as `isoloss compare` prints them."""
        both = self.recipes
        yield f"A: {self.names[0]}; B: {self.names[1]}"
        for one in self.comparisons:
            row = one.row()
            table = [[one.asked, "value", f"{100 * both.a.level:g} % from", "to"]]
            for name, label in LABELS.items():
                ends = [number(row[name + end]) for end in ("", "_lo", "_hi")]
                table.append(["  " + label, *ends])
            yield table
            yield f"answer: {one.sentence}"
            yield ""
        weights = ", ".join(f"{pair.name} {pair.weight:.2f}" for pair in both.pairs)
        yield both.said
        yield f"laws, by weight in both: {weights}"
        yield (
            f"C = {self.flops_per_param_token:g} N D; intervals hold the laws' draws and drift, "
            "not the noise of one run"
        )
        yield from (f"warning: {text}" for text in self.warnings)
        yield from (f"assumed: {text}" for text in self.notes)


def compare(
    tables: Sequence[pd.DataFrame],
    settings: Sequence[FitSettings],
    names: tuple[str, str],
    *,
    compute: Sequence[float] = (),
    loss: Sequence[float] = (),
    n_params: float | None = None,
    ratio: float | None = None,
    unique_tokens: float | None = None,
) -> Compared:
    """Compare the runs of two recipes; `Fit.compare` describes the arguments.

    Parameters
    ----------
    tables, settings : sequence
        Of A and of B; the settings are equal but for `where`.

    Raises
    ------
    UserError
        A table cannot be fitted, the recipes have no loss in common, or a budget or a loss is out
        of reach; the error lists every reason.
    """
    k = settings[0].flops_per_param_token
    both = recipes(*tables, *settings)

    def along(averaged):
        return path_of(averaged, k, n_params=n_params, ratio=ratio, unique_tokens=unique_tokens)

    budgets = list(compute) or ([] if loss else [budget_beyond(both, k)])
    found, problems = [], []
    for ask, values in ((at_compute, budgets), (at_loss, loss)):
        for value in values:
            try:
                found.append(ask(both, value, along, names))
            except UserError as error:
                problems += [text for text in error.problems if text not in problems]
    if problems:
        raise UserError("compare", problems)
    return Compared(tuple(found), both, names, k)


def problems_of(
    settings: FitSettings, ratio: float | None, n_params: float | None
) -> Iterator[str]:
    """Options that exclude each other, and settings that leave nothing to compare by."""
    if ratio is not None and n_params is not None:
        yield "--ratio, --n-params: one of them keeps the path; both leave nothing to choose"
    if not settings.draws or settings.method == "none":
        yield "--draws: a comparison needs resampled tables"


def names_of(first: str, second: str) -> tuple[str, str]:
    """What two recipes are called: the names of their files, or A and B."""
    names = (Path(first).stem, Path(second).stem)
    if names[0] != names[1]:
        return names
    return (first, second) if first != second else ("A", "B")

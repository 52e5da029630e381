"""The compute optimum without a parametric law: approaches 1 and 2 of Hoffmann et al. (2022)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.api.compute import column_of, difference, flop_of
from isoloss.api.shown import Rows, Shown
from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.of_table import Divided, by_curves, by_isoflops
from isoloss.fit.result import plain
from isoloss.fit.settings import FitSettings
from isoloss.fit.text import number, ranges
from isoloss.laws import law
from isoloss.tables.data import Data
from isoloss.tables.data import read as read_data
from isoloss.tables.traps import compute_scale, scale_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False, eq=False)
class Approach(Shown):
    """N* ~ C**a through envelopes of learning curves (1) or isoFLOP parabolas (2).

    Attributes
    ----------
    approach : int
    found : isoloss.exhibits.chinchilla.of_table.Divided
        The exponents, N* (and D* of approach 2) with intervals and verdicts.
    budgets : sequence of float
        FLOP; of approach 2 in the table's own count where it has a column of compute.
    counted : str
        What compute is: "6 N D" or a column.
    data : isoloss.tables.data.Data
    level : float
    warnings, notes : tuple of str
    """

    approach: int
    found: Divided
    budgets: tuple[float, ...]
    counted: str
    data: Data
    level: float
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each budget: `compute`, `n_params` with its interval, and D* of approach 2."""
        import pandas as pd

        rows = []
        for i, compute in enumerate(self.budgets):
            row = {"compute": compute}
            for name, group in (("n_params", "n_opt"), ("n_tokens", "d_opt")):
                if hasattr(self.found, group):
                    one = getattr(self.found, group)[i]
                    ends = {"": one.value, "_lo": one.lo, "_hi": one.hi}
                    row |= {name + end: np.nan if x is None else x for end, x in ends.items()}
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """The answer as `isoloss optimal --approach 1 --json` prints it."""
        found = self.found
        return plain({
            "approach": self.approach,
            "how": found.how,
            "compute": self.counted,
            "level": self.level,
            "a": asdict(found.a),
            "coefficient": asdict(found.coefficient),
            "n_opt": self._at(found.n_opt),
            "verdict": found.verdict,
            "verdicts": found.verdicts,
            **(self._valleys() if self.approach == 2 else {}),
            "warnings": self.warnings,
            "notes": self.notes,
        })  # fmt: skip

    def _at(self, estimates):
        return [{"compute": c, **asdict(e)} for c, e in zip(self.budgets, estimates, strict=True)]

    def _valleys(self):
        """What approach 2 says besides: D*, and a record for each budget."""
        found = self.found
        return {
            "b": asdict(found.b),
            "d_opt": self._at(found.d_opt),
            "said": found.notes,
            "skew": asdict(found.valleys.skew),
            "noise": found.valleys.sd,
            "budgets": [asdict(one) for one in found.valleys.budgets],
        }

    def parts(self) -> Iterator[str | Rows]:
        """Tables and lines, as `isoloss optimal --approach` prints them."""
        found = self.found
        rows = [["C (FLOP)", "", "value", f"{100 * self.level:g} % from", "to"]]
        named = [("", "a", found.a)]
        named += [(number(c), "N*", e) for c, e in zip(self.budgets, found.n_opt, strict=True)]
        if self.approach == 2:
            named.insert(1, ("", "b", found.b))
            named += [(number(c), "D*", e) for c, e in zip(self.budgets, found.d_opt, strict=True)]
        for compute, label, one in named:
            rows.append([compute, label, *map(number, (one.value, one.lo, one.hi))])
        yield rows
        is_column = self.counted.startswith("column")
        yield (
            f"N* = {number(found.coefficient.value)} C^a through {found.how}; "
            f"C {'is' if is_column else '='} {self.counted}"
        )
        yield f"verdict: a is {found.verdict}"
        for compute, verdict in zip(self.budgets, found.verdicts, strict=True):
            yield f"verdict: N* at {number(compute)} is {verdict}"
        if self.approach == 2:
            yield from self._budgets()
        yield ranges(self.data.log_x)
        yield from (f"warning: {text}" for text in self.warnings)
        yield from (f"assumed: {note}" for note in self.notes)

    def _budgets(self):
        """A line for each budget of the runs: what was fitted, or why nothing was."""
        found, share = self.found, f"{100 * self.level:g} %"
        rows = [["budget", "runs", "fitted", "N from", "to", "apart", "N*", f"{share} from", "to",
                 "D*", "parabola", ""]]  # fmt: skip
        for one in found.valleys.budgets:
            fitted = [one.compute, one.n_runs, one.n_fitted, one.low, one.high,
                      f"x{one.spacing:.2g}"]  # fmt: skip
            minimum = [""] * 5
            if one.used:
                n = one.n_opt
                minimum = [n.value, n.lo, n.hi, one.d_opt.value, one.parabola]
            said = "" if one.used else str(one.verdict)
            rows.append([x if isinstance(x, str) else number(x) for x in (*fitted, *minimum, said)])
        skew = found.valleys.skew
        between = "" if skew.lo is None else f", {share} from {skew.lo:.2f} to {skew.hi:.2f}"
        yield (
            f"valleys of one shape, lopsided by beta - alpha = {skew.value:.2f}{between}; "
            f"noise {found.valleys.sd:.2%}"
        )
        yield from found.notes
        yield ""
        yield rows
        yield ""


def by_approach(
    approach: int, table: pd.DataFrame, settings: FitSettings, compute: Sequence[float]
) -> Approach:
    """N* at budgets by approach 1 or 2.

    Parameters
    ----------
    approach : {1, 2}
    table : pandas.DataFrame
        For 1 a row for each evaluation, with the run in the column `cluster` of the settings.
    compute : sequence of float
        Budgets in FLOP.

    Raises
    ------
    UserError
        The table cannot be read, or has too few runs for the approach.
    """
    data = _data(table, settings)
    rows = [*np.exp([data.log_x["n_params"], data.log_x["n_tokens"]]), np.exp(data.log_loss)]
    k = settings.flops_per_param_token
    counted, flop, notes = f"{k:g} N D", None, list(data.notes)
    column = column_of(table, settings)
    if column is not None and approach == 2:
        counted, flop = f"column {column!r}", flop_of(table, column, settings)
        scale = compute_scale(flop, *rows[:2], k)
        if scale is not None:
            flop = flop * scale
            applied = f"{scale_text(column, scale)}; this result takes it so"
            said = [one for one in data.warnings if not one.startswith(scale_text(column, scale))]
            data = dataclasses.replace(data, warnings=(*said, applied))
        off = difference(flop, data.log_x, k)
        notes = [note for note in notes if not note.startswith("compute: ")]
        notes.append(f"compute: column {column!r}" + (f", {off}" if off else ""))
    same = {"draws": settings.draws, "level": settings.level, "seed": settings.seed,
            "flops_per_param_token": k}  # fmt: skip
    if approach == 1:
        found = by_curves(data.clusters, *rows, compute, where=settings.where, **same)
    else:
        try:
            found = by_isoflops(*rows, compute, run_compute=flop, **same)
        except UserError as error:
            first, *more = error.problems[0].split("\n")
            said = "\n".join([f"{first} (budgets are {counted})", *more])
            raise UserError(settings.where, [said]) from None
    return Approach(approach, found, tuple(compute), counted, data, settings.level, data.warnings,
                    tuple(notes))  # fmt: skip


def _data(table, settings):
    """N, D, the loss and the run of every row."""
    chinchilla = law("chinchilla")
    return read_data(
        table,
        chinchilla,
        settings.columns_of(chinchilla),
        cluster=settings.cluster,
        vocabulary=settings.vocabulary,
        flops_per_param_token=settings.flops_per_param_token,
        metric=settings.metric,
        where=settings.where,
    )

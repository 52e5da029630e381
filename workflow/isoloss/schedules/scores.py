"""How far a law's learning curve is from a measured one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.schedules.fit import CurveFit, LearningCurve, Predicted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Score:
    """A run as the law has it, beside what was measured.

    The errors are those of Luo et al. (2025): of |predicted / measured - 1| over a run's rows.
    """

    curve: LearningCurve
    found: Predicted

    @property
    def run(self) -> str:
        """The run's name."""
        return self.curve.run

    @property
    def errors(self) -> np.ndarray:
        """|predicted / measured - 1| of the rows that have both."""
        both = self.curve.measured & np.isfinite(self.found.loss)
        return np.abs(self.found.loss[both] / self.curve.loss[both] - 1)

    def record(self) -> dict[str, Any]:
        """The last row, and the mean and the worst error, mean absolute error and R2."""
        both = self.curve.measured & np.isfinite(self.found.loss)
        loss, ours = self.curve.loss[both], self.found.loss[both]
        record = {
            "run": self.run,
            "last_step": float(self.curve.step[-1]),
            "measured": float(self.curve.loss[-1]),
            "predicted": float(self.found.loss[-1]),
            "lo": float(self.found.lo[-1]),
            "hi": float(self.found.hi[-1]),
            "verdict": str(self.found.verdict),
            "notes": list(self.found.notes),
        }
        if not len(loss):
            return record | dict.fromkeys(("mean_error", "worst_error", "mae", "r2"))
        spread = np.sum((loss - loss.mean()) ** 2)
        return record | {
            "mean_error": float(self.errors.mean()),
            "worst_error": float(self.errors.max()),
            "mae": float(np.abs(loss - ours).mean()),
            "r2": float(1 - np.sum((loss - ours) ** 2) / spread) if spread else None,
        }

    def table(self, fit: CurveFit) -> pd.DataFrame:
        """A row for each row of the run."""
        import pandas as pd

        fitted = self.run in {curve.run for curve in fit.curves}
        return pd.DataFrame({
            "law": fit.law.name, "run": self.run, "use": "fitted" if fitted else "predicted",
            "step": self.curve.step, "lr": self.curve.schedule.rate_at(self.curve.step),
            "loss": self.curve.loss, "predicted": self.found.loss,
            "lo": self.found.lo, "hi": self.found.hi,
        })  # fmt: skip


def score(fit: CurveFit, curve: LearningCurve) -> Score:
    """A run beside the law."""
    return Score(curve, fit.predict(curve))

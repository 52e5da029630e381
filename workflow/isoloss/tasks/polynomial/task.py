"""The task "polynomial": least squares in closed form."""

from typing import Any

from isoloss.counting import Cost
from isoloss.tasks.base import Solved, planning, small_cost
from isoloss.tasks.polynomial.settings import PolynomialRun


class Polynomial(Solved):
    """A polynomial fitted by least squares."""

    name = "polynomial"
    Run = PolynomialRun
    module = "isoloss.tasks.polynomial.solution"

    def cost(self, run: PolynomialRun, vocab_size: int | None = None) -> Cost:
        """The cost of degree + 1 coefficients, in one step of all samples and repeats."""
        n = run.data.n_samples
        return small_cost(
            n_params=run.model.degree + 1,
            steps=1,
            samples_per_step=n,
            flops_per_step=run.task.repeats * least_squares_flops(run.model.degree + 1, n),
            flops_per_evaluation=0,  # the error follows from the coefficients
        )

    @planning
    def readable_name(self, run: PolynomialRun) -> str:
        """A name such as polynomial-abs-p4-n64."""
        return f"polynomial-{run.task.target}-p{run.model.degree}-n{run.data.n_samples}"

    def settings_columns(self, run: PolynomialRun) -> dict[str, Any]:
        """The columns of the function, its noise, the degree and the samples."""
        return {
            "target": run.task.target,
            "noise_sd": run.task.noise_sd,
            "degree": run.model.degree,
            "n_samples": run.data.n_samples,
        }


def least_squares_flops(p: int, n_samples: int) -> int:
    """FLOPs of least squares with p coefficients, by Householder QR.

    2 n p^2 - 2 p^3 / 3 (Golub and Van Loan, 5.3.2).
    """
    return 2 * n_samples * p * p - 2 * p**3 // 3


TASK = Polynomial()

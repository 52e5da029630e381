"""Which analyses and figures there are, and the module that has each.

The modules are imported by name, so that a job depends on those alone that it uses: an edit of one
subject makes only that subject's analyses and figures stale.
"""

import importlib
from typing import Annotated, Any, Union

from pydantic import BeforeValidator, Field

# What an analysis's `do` says -> the module whose ANALYSES has it.
ANALYSES = {
    "approaches": "isoloss.analysis.approaches",
    "cooldown_check": "isoloss.analysis.cooldown",
    "critical_batch": "isoloss.analysis.critical_batch",
    "crossing": "isoloss.analysis.crossing",
    "curvature": "isoloss.analysis.curvature",
    "kaplan_frontier": "isoloss.analysis.kaplan_frontier",
    "learning_rate": "isoloss.exhibits.training.learning_rate",
    "loss_reached": "isoloss.analysis.loss_reached",
    "overfitting": "isoloss.analysis.overfitting",
    "prediction": "isoloss.exhibits.prediction",
    "recount": "isoloss.analysis.recount",
    "seed_noise": "isoloss.analysis.seed_noise",
    "size_and_steps": "isoloss.analysis.size_and_steps",
    "size_laws": "isoloss.analysis.size_laws",
}
AUTOMATIC = frozenset(["prediction"])  # made of every study that predicts, never asked for
# What a figure's `draw` says -> the module whose FIGURES has it.
FIGURES = {
    "loss_against_x": "isoloss.figures.loss",
    "extrapolation": "isoloss.figures.loss",
    "exponent_against_theory": "isoloss.figures.theory",
    "ratio_to_theory": "isoloss.figures.theory",
    "loss_grid": "isoloss.figures.grid",
    "isoflop": "isoloss.figures.grid",
    "same_compute": "isoloss.figures.allocation",
    "allocation": "isoloss.figures.allocation",
    "iso_loss": "isoloss.figures.allocation",
    "learning_curves": "isoloss.figures.curves",
    "frontier": "isoloss.figures.curves",
    "kaplan_laws": "isoloss.figures.published",
    "predictions": "isoloss.figures.published",
    "doubling": "isoloss.figures.published",
    "configurations": "isoloss.figures.models",
    "model_planes": "isoloss.figures.models",
    "prediction_tested": "isoloss.exhibits.prediction",
    "chinchilla_frontiers": "isoloss.figures.chinchilla",
    "chinchilla_tokens": "isoloss.figures.chinchilla",
    "chinchilla_curvature": "isoloss.figures.chinchilla",
    "chinchilla_envelope": "isoloss.figures.chinchilla_runs",
    "chinchilla_isoflop": "isoloss.figures.chinchilla_runs",
    "chinchilla_contours": "isoloss.figures.chinchilla_runs",
    "approaches_compared": "isoloss.figures.exponents",
    "recounted": "isoloss.figures.exponents",
    "joint_laws": "isoloss.figures.overfitting",
    "repeated_data": "isoloss.figures.overfitting",
    "early_stopping": "isoloss.figures.overfitting_stop",
    "critical_batch_size": "isoloss.figures.batch",
    "batch_tradeoff": "isoloss.figures.batch",
    "cooldown_checked": "isoloss.figures.appendix_cooldown",
    "learning_rates": "isoloss.exhibits.training.learning_rate",
    "seed_scatter": "isoloss.figures.appendix",
    "kaplan_summary": "isoloss.figures.kaplan_curves",
    "kaplan_training": "isoloss.figures.kaplan_curves",
    "kaplan_frontiers": "isoloss.figures.kaplan_curves",
    "kaplan_shares": "isoloss.figures.kaplan_calculated",
    "kaplan_excess": "isoloss.figures.kaplan_calculated",
    "kaplan_crossing": "isoloss.figures.kaplan_calculated",
    "kaplan_depth": "isoloss.figures.kaplan_sizes",
    "kaplan_valleys": "isoloss.figures.kaplan_sizes",
    "kaplan_optimum": "isoloss.figures.kaplan_sizes",
    "kaplan_reached": "isoloss.figures.kaplan_sizes",
    "kaplan_size_laws": "isoloss.figures.kaplan_sizes",
}


def analysis(do: str) -> Any:
    """The analysis (an `isoloss.exhibits.base.Analysis`) that `do` names.

    Raises
    ------
    KeyError
        There is none.
    """
    return importlib.import_module(ANALYSES[do]).ANALYSES[do]


def figure(draw: str) -> Any:
    """The figure (an `isoloss.exhibits.base.Figure`) that `draw` names.

    Raises
    ------
    KeyError
        There is none.
    """
    return importlib.import_module(FIGURES[draw]).FIGURES[draw]


def _union(names: dict[str, str], find: Any, key: str) -> Any:
    """Settings of any of the kinds; a name alone stands for settings at their defaults."""
    settings = tuple(find(name).settings for name in names)
    alone = BeforeValidator(lambda given: {key: given} if isinstance(given, str) else given)
    return Annotated[Union[settings], Field(discriminator=key), alone]  # noqa: UP007


def analysis_settings() -> Any:
    """The type of an analysis's settings in a study."""
    asked_for = {do: module for do, module in ANALYSES.items() if do not in AUTOMATIC}
    return _union(asked_for, analysis, "do")


def figure_settings() -> Any:
    """The type of a figure's settings in a study."""
    return _union(FIGURES, figure, "draw")

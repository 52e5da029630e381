"""Draw what a study asks for."""

from pathlib import Path

from isoloss.config.drawn import Drawn
from isoloss.figures import (
    allocation,
    appendix,
    appendix_cooldown,
    batch,
    chinchilla,
    chinchilla_runs,
    curves,
    exponents,
    grid,
    kaplan_calculated,
    kaplan_curves,
    kaplan_sizes,
    loss,
    models,
    overfitting,
    overfitting_stop,
    prediction,
    published,
    theory,
)
from isoloss.figures.save import save
from isoloss.figures.style import styled
from isoloss.figures.tables import Drawing, Tables

# What a figure's `draw` says -> the module that has a function of that name. Imported by name, so
# that a figure is drawn again when they change.
MODULES = {
    "loss_against_x": loss,
    "extrapolation": loss,
    "exponent_against_theory": theory,
    "ratio_to_theory": theory,
    "loss_grid": grid,
    "isoflop": grid,
    "same_compute": allocation,
    "allocation": allocation,
    "iso_loss": allocation,
    "learning_curves": curves,
    "frontier": curves,
    "kaplan_laws": published,
    "predictions": published,
    "doubling": published,
    "configurations": models,
    "model_planes": models,
    "prediction_tested": prediction,
    "chinchilla_frontiers": chinchilla,
    "chinchilla_tokens": chinchilla,
    "chinchilla_curvature": chinchilla,
    "chinchilla_envelope": chinchilla_runs,
    "chinchilla_isoflop": chinchilla_runs,
    "chinchilla_contours": chinchilla_runs,
    "approaches_compared": exponents,
    "recounted": exponents,
    "joint_laws": overfitting,
    "repeated_data": overfitting,
    "early_stopping": overfitting_stop,
    "critical_batch_size": batch,
    "batch_tradeoff": batch,
    "cooldown_checked": appendix_cooldown,
    "learning_rates": appendix,
    "seed_scatter": appendix,
    "kaplan_summary": kaplan_curves,
    "kaplan_training": kaplan_curves,
    "kaplan_frontiers": kaplan_curves,
    "kaplan_shares": kaplan_calculated,
    "kaplan_excess": kaplan_calculated,
    "kaplan_crossing": kaplan_calculated,
    "kaplan_depth": kaplan_sizes,
    "kaplan_valleys": kaplan_sizes,
    "kaplan_optimum": kaplan_sizes,
    "kaplan_reached": kaplan_sizes,
    "kaplan_size_laws": kaplan_sizes,
}


def drawing(spec: Drawn, tables: Tables) -> Drawing:
    """The figure that `spec` asks for.

    Raises
    ------
    UserError
        A column, a law or a group that it names is not there.
    """
    with styled():
        return getattr(MODULES[spec.draw], spec.draw)(spec, tables)


def draw(spec: Drawn, tables: Tables, stem: str | Path) -> list[Path]:
    """Draw and write <stem>.pdf, .png, .csv and .json; give their paths."""
    return save(spec, drawing(spec, tables), stem)

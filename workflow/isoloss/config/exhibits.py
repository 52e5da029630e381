"""The registry of analyses and figures: the name of each, and the module that has it.

Modules are imported by name, so that a job depends only on those that it uses. So an edit of one
subject makes only that subject's analyses and figures stale.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Union, get_args

from pydantic import BaseModel, BeforeValidator, Field

from isoloss import extensions
from isoloss.config.section import shown
from isoloss.errors import UserError

# An analysis's `do` -> the module whose ANALYSES has it.
ANALYSES = {
    "approaches": "isoloss.exhibits.chinchilla.approaches",
    "by_position": "isoloss.exhibits.kaplan.positions",
    "collapse": "isoloss.exhibits.training.collapse",
    "cooldown_check": "isoloss.exhibits.training.cooldown",
    "cooldown_forecast": "isoloss.exhibits.training.cooldown_forecast",
    "corpora": "isoloss.exhibits.chinchilla.corpora",
    "cosine_length": "isoloss.exhibits.chinchilla.cosine_length",
    "critical_batch": "isoloss.exhibits.kaplan.critical_batch",
    "crossing": "isoloss.exhibits.kaplan.crossing",
    "curvature": "isoloss.exhibits.chinchilla.curvature",
    "depth_elsewhere": "isoloss.exhibits.kaplan.depth_elsewhere",
    "epochs": "isoloss.exhibits.training.epochs",
    "families": "isoloss.exhibits.kaplan.families",
    "head_to_head": "isoloss.exhibits.chinchilla.head_to_head",
    "kaplan_frontier": "isoloss.exhibits.kaplan.frontier",
    "ladder": "isoloss.exhibits.chinchilla.ladder",
    "learning_rate": "isoloss.exhibits.training.learning_rate",
    "loss_reached": "isoloss.exhibits.kaplan.loss_reached",
    "optimiser": "isoloss.exhibits.chinchilla.optimiser",
    "overfitting": "isoloss.exhibits.kaplan.overfitting",
    "prediction": "isoloss.exhibits.prediction",
    "recount": "isoloss.exhibits.chinchilla.recount",
    "schedules": "isoloss.exhibits.kaplan.schedules",
    "seed_noise": "isoloss.exhibits.training.seed_noise",
    "shape": "isoloss.exhibits.kaplan.shape",
    "size_and_steps": "isoloss.exhibits.kaplan.size_and_steps",
    "size_by_position": "isoloss.exhibits.kaplan.positions",
    "size_laws": "isoloss.exhibits.kaplan.size_laws",
    "transfer": "isoloss.exhibits.kaplan.transfer",
    "tuning": "isoloss.exhibits.training.tuning",
}
UNIT = "nats per token"  # of losses, unless a study names another unit
AUTOMATIC = frozenset(["prediction"])  # every study that predicts has it; no study asks for it
# A figure's `draw` -> the module whose FIGURES has it.
FIGURES = {
    "loss_against_x": "isoloss.exhibits.generic.loss",
    "extrapolation": "isoloss.exhibits.generic.loss",
    "exponent_against_theory": "isoloss.exhibits.generic.theory",
    "ratio_to_theory": "isoloss.exhibits.generic.theory",
    "loss_grid": "isoloss.exhibits.generic.grid",
    "same_compute": "isoloss.exhibits.generic.grid",
    "allocation": "isoloss.exhibits.published.laws",
    "iso_loss": "isoloss.exhibits.published.models",
    "learning_curves": "isoloss.exhibits.generic.curves",
    "frontier": "isoloss.exhibits.generic.curves",
    "kaplan_laws": "isoloss.exhibits.published.laws",
    "predictions": "isoloss.exhibits.published.laws",
    "doubling": "isoloss.exhibits.published.laws",
    "configurations": "isoloss.exhibits.published.models",
    "model_planes": "isoloss.exhibits.published.models",
    "prediction_tested": "isoloss.exhibits.prediction",
    "chinchilla_frontiers": "isoloss.exhibits.chinchilla.approaches",
    "chinchilla_tokens": "isoloss.exhibits.chinchilla.approaches",
    "chinchilla_curvature": "isoloss.exhibits.chinchilla.curvature",
    "chinchilla_envelope": "isoloss.exhibits.chinchilla.each_approach",
    "chinchilla_isoflop": "isoloss.exhibits.chinchilla.each_approach",
    "chinchilla_contours": "isoloss.exhibits.chinchilla.each_approach",
    "chinchilla_corpora": "isoloss.exhibits.chinchilla.corpora",
    "chinchilla_head_to_head": "isoloss.exhibits.chinchilla.head_to_head",
    "chinchilla_cosine": "isoloss.exhibits.chinchilla.cosine_length",
    "chinchilla_optimiser": "isoloss.exhibits.chinchilla.optimiser",
    "approaches_compared": "isoloss.exhibits.chinchilla.approaches",
    "ladder_trained": "isoloss.exhibits.chinchilla.ladder",
    "recounted": "isoloss.exhibits.chinchilla.recount",
    "joint_laws": "isoloss.exhibits.kaplan.joint_laws",
    "repeated_data": "isoloss.exhibits.kaplan.overfitting",
    "early_stopping": "isoloss.exhibits.kaplan.early_stopping",
    "critical_batch_size": "isoloss.exhibits.kaplan.critical_batch",
    "batch_tradeoff": "isoloss.exhibits.kaplan.critical_batch",
    "cooldown_checked": "isoloss.exhibits.training.cooldown",
    "collapsed": "isoloss.exhibits.training.collapse",
    "cooldown_forecasts": "isoloss.exhibits.training.cooldown_forecast",
    "tuned_enough": "isoloss.exhibits.training.tuning",
    "epochs_worth": "isoloss.exhibits.training.epochs",
    "learning_rates": "isoloss.exhibits.training.learning_rate",
    "seed_scatter": "isoloss.exhibits.training.seed_noise",
    "kaplan_context": "isoloss.exhibits.kaplan.context",
    "kaplan_context_sizes": "isoloss.exhibits.kaplan.context",
    "kaplan_lstm": "isoloss.exhibits.kaplan.families",
    "kaplan_reuse": "isoloss.exhibits.kaplan.families",
    "kaplan_transfer": "isoloss.exhibits.kaplan.transfer",
    "kaplan_depth_elsewhere": "isoloss.exhibits.kaplan.depth_elsewhere",
    "kaplan_schedules": "isoloss.exhibits.kaplan.schedules",
    "kaplan_shape": "isoloss.exhibits.kaplan.shape",
    "kaplan_summary": "isoloss.exhibits.kaplan.training",
    "kaplan_training": "isoloss.exhibits.kaplan.training",
    "kaplan_frontiers": "isoloss.exhibits.kaplan.frontier",
    "kaplan_shares": "isoloss.exhibits.kaplan.frontier",
    "kaplan_excess": "isoloss.exhibits.kaplan.loss_reached",
    "kaplan_crossing": "isoloss.exhibits.kaplan.crossing",
    "kaplan_depth": "isoloss.exhibits.kaplan.size_laws",
    "kaplan_valleys": "isoloss.exhibits.kaplan.size_and_steps",
    "kaplan_optimum": "isoloss.exhibits.kaplan.frontier",
    "kaplan_reached": "isoloss.exhibits.kaplan.loss_reached",
    "kaplan_size_laws": "isoloss.exhibits.kaplan.size_laws",
}

# Modules of figures -> the part of a study where the report shows them; others are findings.
PARTS = {
    "isoloss.exhibits.kaplan": "Kaplan's figures",
    "isoloss.exhibits.chinchilla": "Chinchilla's figures",
    "isoloss.exhibits.training": "Checks",
}
FINDINGS = "Findings"

# A figure of earlier versions -> the edit that a study needs.
REMOVED = {
    "isoflop": "write {draw: chinchilla_isoflop, approaches: NAME}, NAME being an analysis that "
    "does `approaches`",
}
# A key of a figure that there was -> the edit that a study needs.
REMOVED_KEYS = {
    ("seed_scatter", "loss_label"): "delete it: the figure draws no loss",
    ("prediction_tested", "predicted_label"): "delete it: loss_label is the label of both panels",
}

# Analyses and figures of the user's own modules: `do` or `draw` -> Analysis or Figure.
REGISTERED_ANALYSES: dict[str, Any] = {}
REGISTERED_FIGURES: dict[str, Any] = {}


def register(
    *, analyses: Mapping[str, Any] | None = None, figures: Mapping[str, Any] | None = None
) -> None:
    """Add analyses and figures from outside the package, for studies to name.

    Parameters
    ----------
    analyses : mapping
        `do` -> an `isoloss.exhibits.base.Analysis`.
    figures : mapping
        `draw` -> an `isoloss.exhibits.base.Figure`.

    Raises
    ------
    UserError
        A name is taken, or the settings of an exhibit have another name.
    """
    for given, kind, key, known, built_in in (
        (analyses, "analysis", "do", REGISTERED_ANALYSES, ANALYSES),
        (figures, "figure", "draw", REGISTERED_FIGURES, FIGURES),
    ):
        if problems := list(_misdescribed(given or {}, kind, key)):
            raise UserError("exhibits", problems)
        for name, own in (given or {}).items():
            extensions.add(known, name, own, kind, built_in=built_in)


def _misdescribed(given: Mapping[str, Any], kind: str, key: str) -> Iterator[str]:
    """Problems of analyses or figures, by name; `key` names them in a study."""
    for name, own in given.items():
        settings = getattr(own, "settings", None)
        if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
            what = f"an isoloss.exhibits.base.{kind.capitalize()}"
            yield f"the {kind} {name!r} must be {what}, got {own!r}"
        elif (field := settings.model_fields.get(key)) is None:
            yield f"{settings.__name__}: needs a key `{key}: Literal[{name!r}]`"
        elif get_args(field.annotation) != (name,):
            yield f"{settings.__name__}.{key}: must be Literal[{name!r}], as it is registered"


def analysis(do: str) -> Any:
    """The analysis (an `isoloss.exhibits.base.Analysis`) that `do` names.

    Raises
    ------
    KeyError
        There is none.
    """
    if do in REGISTERED_ANALYSES:
        return REGISTERED_ANALYSES[do]
    return importlib.import_module(ANALYSES[do]).ANALYSES[do]


def figure(draw: str) -> Any:
    """The figure (an `isoloss.exhibits.base.Figure`) that `draw` names.

    Raises
    ------
    KeyError
        There is none.
    """
    if draw in REGISTERED_FIGURES:
        return REGISTERED_FIGURES[draw]
    return importlib.import_module(FIGURES[draw]).FIGURES[draw]


def part_of(spec: Any) -> str:
    """The part of a study where the report shows a figure."""
    module = FIGURES.get(spec.draw, "")
    return spec.part or PARTS.get(module.rpartition(".")[0], FINDINGS)


def in_unit(given: Any, unit: str) -> Any:
    """A figure's settings, with a study's unit of loss in each label that they leave out."""
    given = {"draw": given} if isinstance(given, str) else given
    draw = given.get("draw") if isinstance(given, dict) else None
    if not isinstance(draw, str) or not (draw in FIGURES or draw in REGISTERED_FIGURES):
        return given  # the fields' own checks report the problem
    labels = {
        name: field.default.replace(UNIT, unit)
        for name, field in figure(draw).settings.model_fields.items()
        if name.endswith("_label") and isinstance(field.default, str) and UNIT in field.default
    }
    return labels | given


def _union(names: Iterable[str], find: Callable[[str], Any], key: str) -> Any:
    """Settings of any of the kinds; a name alone stands for settings at their defaults."""

    def in_full(given: Any) -> Any:
        given = {key: given} if isinstance(given, str) else given
        if not isinstance(given, dict):
            said = f"must be a name, or hold keys and values, got {shown(given)}"
            raise ValueError(said)  # noqa: TRY004 - pydantic passes on no TypeError
        if key not in given:
            raise ValueError(f"needs a key `{key}`, got {shown(given)}")
        kind = given[key]
        if isinstance(kind, str) and kind in REMOVED:
            raise ValueError(f"the figure `{kind}` is no more; {REMOVED[kind]}")
        for (of, old), edit in REMOVED_KEYS.items():
            if kind == of and old in given:
                raise ValueError(f"the key `{old}` of `{of}` is no more; {edit}")
        return given

    settings = tuple(find(name).settings for name in names)
    alone = BeforeValidator(in_full)
    return Annotated[Union[settings], Field(discriminator=key), alone]  # noqa: UP007


def analysis_settings() -> Any:
    """The type of an analysis's settings in a study."""
    asked_for = [do for do in (*ANALYSES, *REGISTERED_ANALYSES) if do not in AUTOMATIC]
    return _union(asked_for, analysis, "do")


def figure_settings() -> Any:
    """The type of a figure's settings in a study."""
    return _union((*FIGURES, *REGISTERED_FIGURES), figure, "draw")

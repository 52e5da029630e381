"""Default figures of a study of a user's table: the loss against each column."""

from collections.abc import Mapping, Sequence
from typing import Any

from isoloss.tables.schema import MAY_BE_ZERO, NUMBERS

LABELS = {
    "n_params": "parameters N",
    "n_tokens": "tokens D",
    "n_unique_tokens": "unique tokens U",
    "compute_flops": "compute (FLOP)",
    "tokens_per_param": "tokens per parameter",
}
CAPTION = (
    "Every row of the table.{law} Rows that differ in what is not on the axis scatter, so this "
    "shows what was measured and not what that quantity alone does."
)
LAW = " The line is the law {fit} with its 90 % band, where the rows determine it."


def default_figures(
    columns: Mapping[str, str], fits: Sequence[Mapping[str, Any]], unit: str
) -> list[dict[str, Any]]:
    """One figure for each column but the loss, with the first fit whose law has that column alone.

    Parameters
    ----------
    columns : mapping
        Our column -> the table's column, as in the study.
    fits : sequence of mapping
        The study's fits, as its YAML file has them.
    unit : str
        Unit of the loss.
    """
    figures = []
    for column in columns:
        if column == "loss" or column not in NUMBERS:  # else the check of `columns` reports it
            continue
        label = LABELS.get(column, column.replace("_", " "))
        fit = next((fit.get("name") for fit in fits if _is_of(fit, column)), None)
        law = LAW.format(fit=fit) if fit else ""
        figures.append(
            {
                "draw": "loss_against_x",
                "name": f"loss_{column}",
                "title": f"Loss against {label}",
                "caption": CAPTION.format(law=law),
                "x": column,
                "x_label": label,
                "x_scale": "linear" if column in MAY_BE_ZERO else "log",
                "y_label": f"loss ({unit})",
                "series": {"table": "rows of the table"},
                "fits": {"table": fit} if fit else {},
            }
        )
    return figures


def _is_of(fit: Mapping[str, Any], column: str) -> bool:
    """Whether a fit has a law of that column alone, and uses all rows."""
    variables = fit.get("variables") or {}
    others = [of for variable, of in variables.items() if variable != "loss"]
    return others == [column] and not fit.get("by") and not fit.get("where")

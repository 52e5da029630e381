"""Results as text for a terminal."""

from isoloss.fit.text import columns, number, ranges

__all__ = ["columns", "influence", "number", "ranges"]


def influence(sets) -> str:
    """Lines of `influential_sets`, or nothing."""
    lines = []
    for row in sets.to_dict("records"):
        where = ", ".join(map(str, row["left_out"]))
        lines.append(
            f"influence: without row{'s' if len(row['left_out']) > 1 else ''} {where} "
            f"{row['parameter']} is {number(row['value_without'])}, not {number(row['value'])} "
            f"({abs(row['shift']):.1f} standard errors)"
        )
    return "\n".join(lines)

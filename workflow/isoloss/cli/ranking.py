"""`isoloss fit --law all` and `--holdout`: rank laws by how well they predict larger runs."""

import json
import textwrap
from pathlib import Path

from isoloss.errors import UserError

WIDTH = 100  # characters of a line of explanation


def problems(holdout: str | None) -> tuple[str, ...]:
    """Problems of the factor of --holdout, if it was given."""
    from isoloss.forecast.holdout import parse_factor

    try:
        parse_factor(holdout or "4x")
    except UserError as error:
        return tuple(f"--holdout: {text}" for text in error.problems)
    return ()


def run(args, table, settings) -> int:
    """Rank laws, print the ranking, and write it to the folder of --output."""
    from isoloss.files import write_json, write_parquet
    from isoloss.fit.result import plain
    from isoloss.forecast.holdout import rank_laws

    ranking = rank_laws(table, args.holdout or "4x", settings)
    found = plain(
        {
            "holdout": ranking.factor,
            "n_fitted": ranking.n_fitted,
            "n_held_out": ranking.n_held_out,
            "level": args.level,
            "warnings": list(ranking.warnings),
            "notes": list(ranking.notes),
            "ranking": ranking.laws.to_dict("records"),
        }
    )
    if args.output:
        write_json(Path(args.output) / "ranking.json", found)
        write_parquet(Path(args.output) / "ranking.parquet", ranking.laws)
    print(json.dumps(found, allow_nan=False) if args.json else _text(ranking))
    return 0


def _text(ranking):
    from isoloss.cli import texts

    lines = [
        f"fitted to the {ranking.n_fitted} smallest runs, tried on the {ranking.n_held_out} "
        f"largest: {ranking.factor:g} times their compute and more"
    ]
    rows, reasons = [["law", "error of ln L", "bias", "inside interval", "verdict"]], []
    for row in ranking.laws.to_dict("records"):
        inside = _number(row["inside"], lambda share: f"{100 * share:.0f} %")
        error = _number(row["error"], "{:.5f}".format)
        verdict, colon, reason = row["verdict"].partition(":")
        if not colon and (semicolon := verdict.find(";")) >= 0:
            verdict, reason = verdict[:semicolon], verdict[semicolon + 1 :]
        rows.append([row["law"], error, _number(row["bias"], "{:+.5f}".format), inside, verdict])
        if reason:
            text = f"{row['law']}: {row['verdict']}"
            reasons += textwrap.wrap(text, WIDTH, subsequent_indent="  ")
    lines += [texts.columns(rows), _tie(ranking.laws), *([""] if reasons else []), *reasons]
    lines += [f"warning: {text}" for text in ranking.warnings]
    return "\n".join([*lines, *(f"assumed: {note}" for note in ranking.notes)])


def _tie(laws):
    """The sentence that says whether one law predicts best."""
    best, others = laws.iloc[0], laws.iloc[1:]
    equal = list(others.loc[others["tied"], "law"])
    if equal:
        names = ", ".join([best["law"], *equal])
        return f"a tie: {names} (behind by less than two standard errors of the paired errors)"
    rivals = others[others["behind"].notna()]
    if not len(rivals):
        return f"{best['law']} is the only law that was tried"
    second = rivals.iloc[0]
    return (
        f"{best['law']} predicts best: {second['law']} is behind by {100 * second['behind']:.2g} "
        f"+- {100 * second['behind_se']:.1g} % of the loss"
    )


def _number(value, text):
    """A number as text; "-" for none, NaN and infinity."""
    return "-" if value is None or not abs(value) < float("inf") else text(value)

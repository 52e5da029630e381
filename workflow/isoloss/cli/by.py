"""`isoloss fit --by COLUMN`: one fit for each value of a column, side by side."""

import dataclasses
import json

import numpy as np

from isoloss.errors import UserError, nearest

EXPONENTS = ("alpha", "beta", "a", "alpha_N", "alpha_D", "alpha_S")


def problems(args) -> list[str]:
    """Options that have no meaning beside --by."""
    found = []
    if args.law == "all" or args.holdout is not None:
        found.append("--by: has no meaning beside --law all and --holdout")
    if args.output is not None or args.save is not None:
        found.append("--by: writes no files; use --where for one group with --output or --save")
    return found


def run(args, table, settings) -> int:
    """Fit each group, print all side by side, and say whether they share exponents."""
    from isoloss.fit import fit_law

    column = args.by
    if column not in table:
        near = nearest(column, table.columns)
        listed = ", ".join(map(str, table.columns[:12]))
        raise UserError("--by", [f"there is no column {column!r}{near} (columns: {listed})"])
    results, refused = {}, {}
    for value, rows in _groups(table, column).items():
        where = f"{settings.where}, {column} {value}"
        part = table.iloc[rows].drop(columns=column)
        part.attrs = table.attrs
        try:
            asked = dataclasses.replace(settings, where=where)
            results[value] = fit_law(part, settings=asked)
        except UserError as error:
            refused[value] = error.problems
    if not results:
        lines = [f"{value}: {text}" for value, messages in refused.items() for text in messages]
        raise UserError(settings.where, lines)
    tests = shared(results)
    if args.json:
        found = {
            "by": column,
            "groups": {value: result.to_dict() for value, result in results.items()},
            "not_fitted": {value: list(messages) for value, messages in refused.items()},
            "shared": tests,
        }
        print(json.dumps(found, allow_nan=False))
    else:
        print(_text(column, results, refused, tests))
    return 0


def _groups(table, column) -> dict[str, list[int]]:
    """Value -> its rows, in the order of the table; empty cells are a group of their own."""
    from isoloss.tables.cells import is_empty

    groups: dict[str, list[int]] = {}
    for i, cell in enumerate(table[column].to_numpy()):
        groups.setdefault("(empty)" if is_empty(cell) else str(cell), []).append(i)
    return groups


def shared(results) -> list[dict]:
    """Whether groups share each exponent: Cochran's Q of the estimates, a chi-square test.

    Cochran (1954), The combination of estimates from different experiments, Biometrics 10.

    Parameters
    ----------
    results : mapping of str to FitResult

    Returns
    -------
    list of dict
        name, n_groups, value (the mean, weighted by inverse variance), se, q and p_value.
    """
    from scipy.special import chdtrc

    tests = []
    for name in EXPONENTS:
        found = [{**one.params, **one.derived}.get(name) for one in results.values()]
        found = [one for one in found if one is not None and one.se]
        if len(found) < 2:
            continue
        values, weights = (np.array(x) for x in zip(*((e.value, e.se**-2) for e in found),
                                                    strict=True))  # fmt: skip
        mean = float(np.sum(weights * values) / np.sum(weights))
        q = float(np.sum(weights * (values - mean) ** 2))
        tests.append(
            {
                "name": name,
                "n_groups": len(found),
                "value": mean,
                "se": float(np.sum(weights) ** -0.5),
                "q": q,
                "p_value": float(chdtrc(len(found) - 1, q)),
            }
        )
    return tests


def _text(column, results, refused, tests):
    from isoloss.cli import texts

    first = next(iter(results.values()))
    share = f"{100 * first.level:g} %"
    rows = [[column, "rows", "", "value", f"{share} from", "to", "std. error"]]
    for value, result in results.items():
        for i, (name, one) in enumerate({**result.params, **result.derived}.items()):
            head = [value, str(result.n_rows)] if i == 0 else ["", ""]
            ends = map(texts.number, (one.value, one.lo, one.hi, one.se))
            rows.append([*head, name, *ends])
    lines = [
        f"law {first.law.name}, fitted to the rows of each {column}",
        "",
        texts.columns(rows),
    ]
    lines.append("")
    for one in tests:
        differ = "differ" if one["p_value"] < 0.05 else "may be one"
        lines.append(
            f"{one['name']} of {one['n_groups']} groups {differ}: p = {one['p_value']:.2g}; their "
            f"mean is {texts.number(one['value'])}, standard error {texts.number(one['se'])}"
        )
    for value, result in results.items():
        lines.append(f"verdict: {value}: {result.verdict}")
    lines += [f"not fitted: {value}: {'; '.join(messages)}" for value, messages in refused.items()]
    lines += _each("warning", {value: result.warnings for value, result in results.items()})
    lines += _each("assumed", {value: result.notes for value, result in results.items()})
    return "\n".join(lines)


def _each(word, said):
    """Lines of all groups; a line that all have stands once, without the group's name."""
    everywhere = [
        text for text in next(iter(said.values())) if all(text in t for t in said.values())
    ]
    lines = [f"{word}: {text}" for text in everywhere]
    for value, messages in said.items():
        lines += [f"{word}: {value}: {text}" for text in messages if text not in everywhere]
    return lines

"""`isoloss fit --by COLUMN`: one fit for each value of a column, side by side."""

import json


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
    from isoloss.api.by import fit_by

    fits = fit_by(table, settings, args.by)
    print(json.dumps(fits.to_dict(), allow_nan=False) if args.json else fits.summary())
    return 0

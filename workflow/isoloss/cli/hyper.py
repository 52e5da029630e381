"""The best learning rate and batch of each size and number of tokens, and power laws of them.

isoloss hyper sweeps.csv                                       # lr* = c N^a D^b, B* = c D^b
isoloss hyper sweeps.csv --n-params 7e9 --n-tokens 1.4e11      # and what they say there
"""

import json
from dataclasses import asdict
from pathlib import Path

from isoloss.cli.tables import add_row_arguments, read
from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings

OPTIONS = ("y", "columns", "level", "seed", "flops_per_param_token")
OF = {"learning_rate": ("n_params", "n_tokens"), "batch": ("n_tokens",)}
SYMBOLS = {"n_params": "N", "n_tokens": "D"}


def add_arguments(parser):
    """The arguments of `isoloss hyper`."""
    parser.add_argument(
        "table",
        type=Path,
        help="a .csv, .tsv, .txt, .jsonl or .parquet file: a row for each run, with N, D, the "
        "loss, and learning_rate, batch or both",
    )
    parser.add_argument("--without", metavar="ROWS", help="rows to leave out, e.g. 1-5,9")
    add_row_arguments(parser)
    for name in OPTIONS:
        about, default = FitSettings.about()[name]
        how = {"action": "append", "default": []} if about.kind is dict else {"default": default}
        if about.kind in (int, float):
            how["type"] = about.kind
        parser.add_argument(
            about.option, dest=name, metavar=about.metavar, help=about.meaning.replace("%", "%%"),
            **how,
        )  # fmt: skip
    for option, what in (("--n-params", "sizes"), ("--n-tokens", "numbers of tokens, one a size")):
        parser.add_argument(
            option, type=float, nargs="+", default=[], metavar="X", help=f"{what} to predict for"
        )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(extension=[], fixed=[], tied=[])


def run(args) -> int:
    """Print the optima of the sweeps, and the laws through them; the exit code."""
    from isoloss.api.checks import check
    from isoloss.fit.sweep_optima import INTERIOR, apart, law_of, optima
    from isoloss.tables.data import read_sweeps

    table, settings = read(args)
    wanted = [(f"--{n.replace('_', '-')}", x) for n in SYMBOLS for x in getattr(args, n)]
    check(settings, wanted, _pairs(args))
    columns = dict(settings.columns) | ({"loss": settings.y} if settings.y else {})
    data = read_sweeps(
        table,
        columns,
        flops_per_param_token=settings.flops_per_param_token,
        where=settings.where,
    )
    swept, notes = _swept(data, settings.where)
    found = optima(swept, data.log_loss, settings.level, settings.seed)
    if not any(one.status == INTERIOR for one in found):
        raise UserError(settings.where, [_left_out(one) for one in found])
    laws, warnings = [], list(data.warnings)
    without = [_left_out(one) for one in found if one.status != INTERIOR]
    if without:
        warnings.append(f"left out, {len(without)} of {len(found)} sweeps: {'; '.join(without)}")
    for name in swept:
        if name in SYMBOLS:
            continue
        variables = apart(found, OF[name])
        if variables != OF[name]:
            notes.append(
                f"N and D do not vary apart from each other: {name} is a law of "
                f"{' '.join(SYMBOLS[one] for one in variables)} along these sweeps"
            )
        try:
            laws.append(law_of(found, name, variables, settings.level))
        except UserError as error:
            warnings += [f"no law of {name}: {text}" for text in error.problems]
            continue
        warnings += _more(found, laws[-1], settings.level)
    at = list(zip(args.n_params, args.n_tokens, strict=True))
    said = [[law.at(n_params=n, n_tokens=d) for law in laws] for n, d in at]
    notes = [*data.notes, *notes]
    if args.json:
        print(_json(found, laws, at, said, settings.level, warnings, notes))
    else:
        print(_text(found, laws, at, said, settings.level, data.log_x, warnings, notes))
    return 0


def _pairs(args):
    n, d = len(args.n_params), len(args.n_tokens)
    if n != d:
        yield f"--n-params and --n-tokens: one of each for each prediction, got {n} and {d}"


def _swept(data, where):
    """ln of N, D and the settings that vary within a sweep, and notes of those that do not."""
    import numpy as np

    points = np.stack([data.log_x[name] for name in SYMBOLS], axis=1)
    which = np.unique(np.round(points, 9), axis=0, return_inverse=True)[1].ravel()
    kept, notes = {name: data.log_x[name] for name in SYMBOLS}, []
    for name in OF:
        if name not in data.log_x:
            continue
        x = data.log_x[name]
        if any(np.ptp(x[which == i]) > 1e-9 for i in range(which.max() + 1)):
            kept[name] = x
        else:
            notes.append(f"{name} does not vary within a sweep, and is left out")
    if len(kept) == len(SYMBOLS):
        raise UserError(where, [*notes, "no setting was swept at any N and D"])
    return kept, notes


def _more(found, law, level):
    """A warning where a law of D alone would change with N."""
    from isoloss.fit.sweep_optima import apart, law_of

    if OF[law.setting] != ("n_tokens",) or apart(found, tuple(SYMBOLS)) != tuple(SYMBOLS):
        return
    try:
        n = law_of(found, law.setting, tuple(SYMBOLS), level).exponents["n_params"]
    except UserError:
        return
    if n.lo > 0 or n.hi < 0:
        yield (
            f"{law.setting} changes with N too, as N^{n.value:.2g} ({n.lo:.2g} to {n.hi:.2g}) at "
            "equal D: a law of D alone holds for sizes like these"
        )


def _left_out(one) -> str:
    why = f" ({', '.join(one.beyond)})" if one.beyond else ""
    return f"N {one.n_params:.3g}, D {one.n_tokens:.3g}: {one.status}{why}"


def _json(found, laws, at, said, level, warnings, notes):
    from isoloss.fit.result import plain

    content = {
        "level": level,
        "optima": [asdict(one) for one in found],
        "laws": [
            {"setting": law.setting, "coefficient": asdict(law.coefficient),
             "exponents": {name: asdict(e) for name, e in law.exponents.items()},
             "scatter": law.scatter, "n_optima": law.n_optima}
            for law in laws
        ],
        "predicted": [
            {"n_params": n, "n_tokens": d,
             **{law.setting: asdict(e) for law, e in zip(laws, row, strict=True)}}
            for (n, d), row in zip(at, said, strict=True)
        ],
        "warnings": warnings,
        "notes": notes,
    }  # fmt: skip
    return json.dumps(plain(content), allow_nan=False)


def _text(found, laws, at, said, level, log_x, warnings, notes):
    from isoloss.cli import texts

    ends = [f"{100 * level:g} % from", "to"]
    good = [one for one in found if one.settings]
    settings = list(good[0].settings)
    rows = [["N", "D", "runs", *(cell for name in settings for cell in (name, *ends)), "loss"]]
    for one in good:
        numbers = [x for name in settings for x in _cells(one.settings[name])]
        rows.append(
            [*map(texts.number, (one.n_params, one.n_tokens)), str(one.n_fitted),
             *numbers, texts.number(one.loss)]
        )  # fmt: skip
    lines = [texts.columns(rows)]
    for law in laws:
        powers = " ".join(f"{SYMBOLS[name]}^{e.value:.3g}" for name, e in law.exponents.items())
        lines.append(f"{law.setting}* = {texts.number(law.coefficient.value)} {powers}")
        lines += [
            f"  exponent of {SYMBOLS[name]}: {e.value:.3g}, {100 * level:g} % from {e.lo:.3g} to "
            f"{e.hi:.3g}"
            for name, e in law.exponents.items()
        ]
        lines.append(f"  {law.n_optima} optima, which scatter by {100 * law.scatter:.2g} %")
    for (n, d), row in zip(at, said, strict=True):
        for law, e in zip(laws, row, strict=True):
            value, low, high = _cells(e)
            lines.append(f"N {n:.3g}, D {d:.3g}: {law.setting} {value}, from {low} to {high}")
    lines.append(texts.ranges({name: log_x[name] for name in SYMBOLS}))
    lines += [f"warning: {text}" for text in warnings]
    lines += [f"assumed: {text}" for text in notes]
    return "\n".join(lines)


def _cells(e):
    from isoloss.cli import texts

    return [texts.number(x) for x in (e.value, e.lo, e.hi)]

"""Measure what the default intervals cover: tables drawn from planted laws on many designs.

    python benchmarks/coverage.py --tables 1000 --workers 2 --results results/coverage.jsonl
    python benchmarks/coverage.py --tables 1000 --results results/coverage.jsonl --limit-s 200

For each table the law is fitted as `fit_law` fits it. It is noted whether the 90 % interval of each
parameter, of the exponent a of N* ~ C**a, of N*, and of the loss of the planted optimum (both at
ten and a hundred times the largest budget) holds the truth, and whether it is called known. Where
another law was planted than is fitted, parameters have no truth, and are left out. With `--best`,
the average of laws is asked for N* too.

Each table is a line of the results file. What is there is not computed again, so the work can be
stopped, or cut into slices by `--limit-s`, and goes on where it was; lines that another version of
the engine wrote are refused. When every table is there, the coverage is printed, as the tables of
docs/performance-fit.md.
"""

import argparse
import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from coverage_designs import CLUSTERED, DESIGNS, HELD_OUT, UNEVEN, UNIDENTIFIED
from coverage_unseen import UNSEEN, WRONG_LAW

import isoloss.fit
import isoloss.laws
import isoloss.stats
import isoloss.tables
from isoloss.fit import fit_law
from isoloss.forecast.average import average
from isoloss.laws import LAWS

ALL = {**DESIGNS, **HELD_OUT, **CLUSTERED, **UNEVEN, **UNSEEN, **WRONG_LAW, **UNIDENTIFIED}
AHEAD = (10, 100)  # times the compute of the largest run
SHOWN = ("alpha", "beta", "E", "a", *(f"{what} at {k} C" for what in ("N*", "loss") for k in AHEAD))
BOUNDS = (87, 93)  # per cent; shares outside are bold


def version():
    """A short hash of the source files that a fit is made by."""
    digest = hashlib.sha256()
    for package in (isoloss.laws, isoloss.stats, isoloss.tables, isoloss.fit):
        for path in sorted(Path(package.__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def truth(design):
    """Quantity -> its planted value."""
    found = dict(design.params) if design.law == design.fitted else {}
    found["a"] = float(LAWS[design.law].derived(design.params)["a"])
    for times in AHEAD:
        at = design.optimum(times)
        found |= {f"N* at {times} C": at["n_params"], f"loss at {times} C": at["loss"]}
    return found


def intervals(design, result):
    """Quantity -> its interval; the loss is that of the planted optimum's N and D."""
    found = {name: (e.lo, e.hi) for name, e in result.params.items()}
    found["a"] = result.derived["a"].lo, result.derived["a"].hi
    for times in AHEAD:
        at = design.optimum(times)
        best = result.optimum([at["compute"]]).iloc[0]
        point = {name: [at[name]] for name in ("n_params", "n_tokens")}
        loss = result.predict(point).iloc[0]
        found[f"N* at {times} C"] = best["n_params_lo"], best["n_params_hi"]
        found[f"loss at {times} C"] = loss["lo"], loss["hi"]
    return found


def known(design, result):
    """The quantities of the planted law that the fit calls known."""
    computes = [design.optimum(times)["compute"] for times in AHEAD]
    answers = {answer.question: answer.verdict for answer in result.answers(computes)}
    said = {name: answers[name] for name in ("a", *design.params) if name in answers}
    for times, compute in zip(AHEAD, computes, strict=True):
        for what in ("N*", "loss"):
            said[f"{what} at {times} C"] = answers[f"{what} at {compute:.3g} FLOP"]
    return {quantity for quantity, verdict in said.items() if verdict == "identified"}


def one(task):
    """One table of a design: for each quantity whether its interval holds, and is called known."""
    name, seed, draws, best = task
    design = ALL[name]
    table = design.table(np.random.default_rng([seed, 2]))
    cluster = "run" if "run" in table else None
    with np.errstate(all="ignore"):
        result = fit_law(table, design.fitted, draws=draws, seed=seed, cluster=cluster)
        found, said = intervals(design, result), known(design, result)
        of_best = by_average(design, table, draws, seed, cluster) if best else None
    inside, width = {}, {}
    for quantity, value in truth(design).items():
        lo, hi = (np.nan if end is None else float(end) for end in found[quantity])
        inside[quantity] = bool(lo <= value <= hi)
        width[quantity] = None if not np.isfinite(hi - lo) else hi - lo
    return {
        "inside": inside,
        "known": {quantity: quantity in said for quantity in inside},
        "width": width,
        "method": result.method,
        "clusters": result.n_clusters,
        "asked": any("--cluster" in text for text in (*result.warnings, *result.notes)),
        "lack_of_fit": None if result.misfit is None else result.misfit.p_value,
        "identified": result.verdict == "identified",
    } | ({} if of_best is None else {"best": of_best})


def by_average(design, table, draws, seed, cluster):
    """Whether the average of laws holds the planted N*, and calls it known: budget -> both."""
    averaged, found = average(table, draws=draws, seed=seed, cluster=cluster), {}
    for times in AHEAD:
        at = design.optimum(times)
        size = next(a for a in averaged.answers([at["compute"]]) if a.question.startswith("N*"))
        inside = size.lo is not None and size.lo <= at["n_params"] <= size.hi
        found[f"N* at {times} C"] = [bool(inside), size.verdict.identified]
    return found


def read(path, now):
    """The lines written so far, by (design, seed); none may be of another version."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if any(row["version"] != now for row in rows):
        sys.exit(f"{path} was written by another version of the engine: remove it, or name another")
    return {(row["design"], row["seed"]): row for row in rows}


def measure(path, designs, tables, draws, first_seed, limit_s, workers=1, best=False):
    """Add what is missing to the results file; True when nothing is."""
    start_s, now = time.monotonic(), version()
    done = read(path, now)
    path.parent.mkdir(parents=True, exist_ok=True)
    seeds = range(first_seed, first_seed + tables)
    tasks = [(name, seed, draws, best) for seed in seeds for name in designs
             if (name, seed) not in done]  # fmt: skip
    pool = ProcessPoolExecutor(workers) if workers > 1 else nullcontext()
    with pool, path.open("a", encoding="utf-8") as file:
        apply = pool.map if workers > 1 else map
        size = 8 * workers if workers > 1 else 1
        for batch in (tasks[first : first + size] for first in range(0, len(tasks), size)):
            if time.monotonic() - start_s > limit_s:
                return False
            for (name, seed, *_), found in zip(batch, apply(one, batch), strict=True):
                row = {"design": name, "seed": seed, "draws": draws, "version": now}
                file.write(json.dumps(row | found) + "\n")
                file.flush()
    return True


def summary(rows):
    """Lines of Markdown: coverage of all tables, of what is called known, and the other designs."""
    by_design = {name: [row for row in rows if row["design"] == name] for name in ALL}
    by_design = {name: of for name, of in by_design.items() if of}
    usual = [name for name in by_design if name not in (*UNIDENTIFIED, *WRONG_LAW)]
    yield from _coverage("all tables", usual, by_design, lambda row, quantity: True)
    yield from _coverage("called known", usual, by_design, lambda row, q: row["known"][q])
    for name in [name for name in by_design if name in WRONG_LAW]:
        of = by_design[name]
        for quantity in [q for q in SHOWN if q in of[0]["inside"]]:
            missed = [row for row in of if not row["inside"][quantity]]
            called = sum(row["known"][quantity] for row in missed)
            yield (
                f"- {name}, {quantity}: {len(missed)} of {len(of)} intervals miss; "
                f"{called} of these are called known"
            )
        for quantity in of[0].get("best", ()):
            said = [row["best"][quantity] for row in of if "best" in row]
            known_too = sum(known for inside, known in said if not inside)
            yield (
                f"- {name}, {quantity} by the average: {sum(not inside for inside, _ in said)} of "
                f"{len(said)} intervals miss; {known_too} of these are called known"
            )
    for name in [name for name in by_design if name in UNIDENTIFIED]:
        of = by_design[name]
        called = sum(not row["identified"] for row in of)
        yield f"- {name}: {called} of {len(of)} called not identified"


def _coverage(title, names, by_design, counts):
    if not names:
        return
    more = "runs found | " if title == "all tables" else ""
    heads = [*SHOWN, "lack of fit"] if more else SHOWN
    yield f"| {title} | rows | tables | {more}{' | '.join(heads)} |"
    yield "|---" * (len(heads) + 3 + bool(more)) + "|"
    for name in names:
        of = by_design[name]
        cells = [name, str(len(ALL[name].n_params)), f"{len(of):,}"]
        if more:
            runs = ALL[name].runs is not None
            n_found = sum(row["clusters"] < len(ALL[name].n_params) or row["asked"] for row in of)
            cells.append(f"{100 * n_found / len(of):.0f}" if runs else "")
        for quantity in SHOWN:
            inside = [row["inside"][quantity] for row in of if counts(row, quantity)]
            cells.append(_share(inside, len(of)))
        if more:
            tested = [row["lack_of_fit"] for row in of if row["lack_of_fit"] is not None]
            cells.append(f"{100 * np.mean(np.array(tested) < 0.01):.1f}" if tested else "no test")
        yield f"| {' | '.join(cells)} |"
    yield ""


def _share(inside, of):
    """Per cent inside, bold where it is out of `BOUNDS`; (tables) where not all count."""
    if not inside:
        return "(0)"
    share = 100 * float(np.mean(inside))
    text = f"{share:.1f}" if BOUNDS[0] <= share <= BOUNDS[1] else f"**{share:.1f}**"
    return text if len(inside) == of else f"{text} ({len(inside):,})"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", type=int, default=1000, help="per design")
    parser.add_argument("--draws", type=int, default=300, help="per table")
    parser.add_argument("--designs", nargs="+", default=[*ALL], choices=ALL, metavar="NAME")
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("--limit-s", type=float, default=np.inf, help="stop after so many seconds")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--best", action="store_true", help="ask the average of laws for N* too")
    parser.add_argument("--results", type=Path, default=Path("results/coverage.jsonl"))
    args = parser.parse_args(argv)
    whole = measure(
        args.results, args.designs, args.tables, args.draws, args.first_seed, args.limit_s,
        args.workers, args.best,
    )  # fmt: skip
    rows = read(args.results, version()).values()
    print("\n".join(summary(rows)) if whole else f"{len(rows)} tables so far")
    return 0 if whole else 75


if __name__ == "__main__":
    sys.exit(main())

"""Finding of a task that is solved or not: the size at which it is."""

from __future__ import annotations

from isoloss.report.findings.base import KNOWN, OPEN, Finding, Results
from isoloss.report.findings.words import percent

MEASURE, SIZE = "exact_match", "n_params_non_embedding"
SOLVED = 0.5  # median share of exact answers at which a size counts as having learnt the task


def copying(results: Results) -> list[Finding]:
    """Between which sizes the share of exact answers passes one half."""
    done = results.done()
    if done is None or not {MEASURE, SIZE} <= set(done.columns):
        return []
    done = done[done[MEASURE].notna() & done[SIZE].notna()]
    if done.empty:
        return []
    share = done.groupby(SIZE, sort=True)[MEASURE].median()
    shown = {
        "key": "copying", "study": results.name, "label": str(results.texts["title"]),
        "figure": _figure(results), "runs": " ".join(sorted(done["run_id"])),
    }  # fmt: skip
    first, last = (float(share.iloc[i]) for i in (0, -1))
    smallest, largest = (int(share.index[i]) for i in (0, -1))
    numbers = {"first": first, "last": last, "smallest": smallest, "largest": largest}
    solved = share[share >= SOLVED]
    if solved.empty:
        most = float(share.max())
        some = f"at most {percent(most)} of the answers are" if most else "no answer is"
        headline = f"at most {percent(most)} exact" if most else "none exact"
        return [Finding(
            headline=headline, status=OPEN, numbers=numbers,
            sentence=f"No size solves the task: {some} exact from {smallest:,} to {largest:,} "
                     "parameters.", **shown,
        )]  # fmt: skip
    size = int(solved.index[0])
    below = share[share.index < size]
    numbers |= {"solved_at": size}
    if below.empty:
        return [Finding(
            headline=f"{percent(first)} exact", numbers=numbers,
            sentence=f"Already {smallest:,} parameters give {percent(first)} exact answers; "
                     f"{largest:,} give {percent(last)}.", **shown,
        )]  # fmt: skip
    under, before = int(below.index[-1]), float(below.iloc[-1])
    return [Finding(
        headline=f"{percent(before)} to {percent(float(solved.iloc[0]))}", status=KNOWN,
        sentence=f"Exact answers jump from {percent(before)} at {under:,} parameters to "
                 f"{percent(float(solved.iloc[0]))} at {size:,}; {largest:,} parameters give "
                 f"{percent(last)}." if size < largest else
                 f"Exact answers jump from {percent(before)} at {under:,} parameters to "
                 f"{percent(last)} at {largest:,}.",
        detail="Median of the seeds of each size.", numbers=numbers | {"unsolved_at": under},
        **shown,
    )]  # fmt: skip


def _figure(results: Results) -> str:
    return MEASURE if MEASURE in results.drawn else results.figure("loss_against_x")

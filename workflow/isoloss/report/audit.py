"""The report's section on refits of published tables, if `snakemake audit` was run."""

from dataclasses import dataclass
from pathlib import Path

from isoloss.charts.text import with_interval
from isoloss.files import read_json
from isoloss.results.verdict import IDENTIFIED


@dataclass(frozen=True)
class RefitShown:
    """A published fit beside ours.

    Attributes
    ----------
    rows : list of (parameter, published, found, interval, difference)
        The difference is in standard errors.
    reproduced : bool or None
        None where nothing was published.
    """

    name: str
    source: str
    address: str
    licence: str
    how: str
    objectives: str
    rows: list[tuple[str, str, str, str, str]]
    verdict: str
    reproduced: bool | None


def refits(results: Path) -> list[RefitShown]:
    """The refits in `audit.json`; none if there is no such file."""
    path = results / "audit.json"
    if not path.exists():
        return []
    audit = read_json(path)
    return [_refit(one, audit["tables"][one["table"]]) for one in audit["fits"]]


def _refit(one, table) -> RefitShown:
    found = one["found"]
    rows = []
    for name, estimate in found["params"].items():
        value, interval = with_interval(estimate["value"], estimate["lo"], estimate["hi"])
        published = one["published"].get(name)
        off = one["difference_in_standard_errors"].get(name)
        rows.append(
            (
                name,
                "" if published is None else f"{published:.5g}",
                value,
                interval,
                "" if off is None else f"{off:+.2f}".replace("-", "−"),
            )
        )
    at, best = one["objective_published"], found["objective_value"]
    delta = f", delta {found['delta']:g}" if found["delta"] else ""
    starts = found["certificate"]
    return RefitShown(
        name=one["name"],
        source=one["source"],
        address=table["address"],
        licence=table["licence"],
        how=f"{found['n_rows']} rows, {found['objective']}{delta}, "
        f"{100 * found['level']:.3g} % intervals ({found['method']}); "
        f"{starts['n_agree']} of {starts['n_starts']} starts agree",
        objectives=f"{best:.6g} found" if at is None else f"{at:.6g} published, {best:.6g} found",
        rows=rows,
        verdict="; ".join(
            said for said in (one["verdict"], found["verdict"]) if said != IDENTIFIED
        ),
        reproduced=None if at is None else one["verdict"] == "reproduced",
    )

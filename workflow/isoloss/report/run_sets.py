"""The sets of runs behind the numbers of a study, each listed once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd

from isoloss.report.study import Paths, text

MOST_NAMES = 6  # numbers that the head of a list names
MOST_SWEEPS = 3


@dataclass
class RunSet:
    """Runs, the numbers that are made from them, and the place of the first such number.

    Attributes
    ----------
    anchor : str
    runs : list of (str, str)
        Each run, with the link to what it is; "" where it has no result.
    sweeps : list of str
        The fewest sweeps that hold them all; [] where no sweep is known.
    numbers : list of str
    back : str
        Anchor of the table that first names them.
    """

    anchor: str
    runs: list[tuple[str, str]]
    sweeps: list[str]
    back: str
    numbers: list[str] = field(default_factory=list)

    @property
    def behind(self) -> str:
        """The numbers that are made from the runs, as text."""
        more = len(self.numbers) - MOST_NAMES
        named = self.numbers[:MOST_NAMES] + ([f"{more} more"] if more > 0 else [])
        return ", ".join(named)

    @property
    def of_sweeps(self) -> str:
        """The sweeps as text: "of the sweep grid", "of the sweeps lr and grid"; "" for none."""
        if not 0 < len(self.sweeps) <= MOST_SWEEPS:
            return ""
        return f"of the sweep{'s' * (len(self.sweeps) > 1)} {' and '.join(self.sweeps)}"


@dataclass
class RunSets:
    """The sets of one study, in the order in which its numbers name them.

    Attributes
    ----------
    sweeps : mapping
        Run -> the sweeps that have it.
    """

    paths: Paths
    study: str = ""
    sweeps: Mapping[str, Iterable[str]] = field(default_factory=lambda: MappingProxyType({}))
    found: dict[str, RunSet] = field(default_factory=dict)  # runs, separated by spaces -> the set

    def anchor(self, runs: Any, numbers: Iterable[str], back: str) -> str:
        """The anchor of the runs behind some numbers; "" for no runs.

        `back` is the anchor of the table that has the numbers.
        """
        named = text(runs)
        if not named:
            return ""
        if named not in self.found:
            ids = named.split()
            self.found[named] = RunSet(
                anchor=f"{self.study}-runs-{len(self.found) + 1}",
                runs=[(run, self._link(run)) for run in ids],
                sweeps=self._sweeps_of(ids),
                back=back,
            )
        known = self.found[named].numbers
        known += [one for one in dict.fromkeys(numbers) if one not in known]
        return self.found[named].anchor

    def shown(self) -> list[RunSet]:
        """Every set, in the order in which they were named."""
        return list(self.found.values())

    def _sweeps_of(self, runs: list[str]) -> list[str]:
        left, chosen = set(runs) & set(self.sweeps), []
        while left:
            of: dict[str, set[str]] = {}
            for run in sorted(left):
                for sweep in self.sweeps[run]:
                    of.setdefault(sweep, set()).add(run)
            best = max(of, key=lambda sweep: len(of[sweep]))
            chosen.append(best)
            left -= of[best]
        return chosen

    def _link(self, run: str) -> str:
        path = self.paths.results / "runs" / run / "about.json"
        return self.paths.link(path) if path.exists() else ""


def sweeps_of(table: pd.DataFrame | None) -> dict[str, list[str]]:
    """The sweeps of each run of a study's table of runs."""
    if table is None or not {"run_id", "sweep"} <= set(table.columns):
        return {}
    found: dict[str, list[str]] = {}
    for run, sweep in zip(table["run_id"], table["sweep"], strict=True):
        if text(sweep) and sweep not in found.setdefault(str(run), []):
            found[str(run)].append(str(sweep))
    return found

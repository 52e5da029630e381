"""Published tables for tests: those of `make tables`, or beside the project; else a skip."""

from pathlib import Path

import pytest

from isoloss.fit.registry import read_registry

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT / "published", ROOT.parent / "shared" / "data")
REGISTRY = read_registry(ROOT / "config" / "audit.yaml")
TABLES = {table.mirror: table for table in REGISTRY.tables.values()}
REFITTED = sorted({REGISTRY.tables[fit.table].mirror for fit in REGISTRY.fits})


def published(*names: str) -> Path:
    """The first folder that has all these tables; where none has, the test is skipped.

    Parameters
    ----------
    names : str
        Paths below that folder, as the registry gives them (`mirror`).
    """
    for folder in FOLDERS:
        if all((folder / name).is_file() for name in names):
            return folder
    derived = any(TABLES[name].address is None for name in names)
    how = "`make tables FROM=DIR` copies" if derived else "`make tables` fetches"
    pytest.skip(f"{how} {', '.join(names)} into {FOLDERS[0].name}/")

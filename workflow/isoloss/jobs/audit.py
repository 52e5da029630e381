"""The job that refits published tables."""

import argparse
import os
from pathlib import Path

from isoloss.files import write_json
from isoloss.fit.audit import MIRROR, audit
from isoloss.fit.registry import read_registry


def main(argv: list[str]) -> None:
    """Write the published and the refitted parameters of each table of the registry."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job audit", description=__doc__)
    parser.add_argument("--registry", required=True, help="what to refit, in YAML")
    parser.add_argument("--downloads", required=True, help="where downloaded tables are kept")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    registry = read_registry(arguments.registry)
    mirror = os.environ.get(MIRROR) or None
    found = audit(registry, Path(arguments.downloads), mirror)
    tables = {
        one.fit.table: {"address": table.address, "licence": table.licence}
        for one in found
        if (table := registry.tables[one.fit.table])
    }
    write_json(arguments.out, {"fits": [one.to_dict() for one in found], "tables": tables})

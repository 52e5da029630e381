"""Download the published tables that fits and tests of isoloss use, a few hundred kilobytes.

isoloss fetch                       # from their authors' addresses, each checked by its SHA-256
isoloss fetch --from FOLDER         # from a folder with copies of them
isoloss fetch --to FOLDER           # into another folder than ./published

The tables are for your own use. The command prints their licences; isoloss itself ships no table.
"""

from pathlib import Path


def add_arguments(parser):
    """The arguments of `isoloss fetch`."""
    parser.add_argument(
        "--registry",
        type=Path,
        metavar="FILE",
        help="which tables (default: config/audit.yaml, here, or else isoloss's own)",
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="DIR",
        help="take the tables from there (default: download them)",
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("published"),
        metavar="DIR",
        help="where they are put (default: published)",
    )


def run(args) -> int:
    """Fetch the tables and print their licences; the exit code."""
    from isoloss.cli.audit import find_registry
    from isoloss.errors import UserError
    from isoloss.fit.fetch import fetch_tables
    from isoloss.fit.registry import read_registry

    if args.source and not args.source.is_dir():
        raise UserError("--from", [f"there is no folder {args.source}"])
    tables = read_registry(args.registry or find_registry()).tables
    found = fetch_tables(tables, args.to, args.source)
    for name, path in found.items():
        print(f"{path}  {path.stat().st_size:,} bytes, licence: {tables[name].licence}")
    left_out = {name: one for name, one in tables.items() if name not in found}
    if left_out:
        print("\nNot published in this form; --from FOLDER takes them from a folder:")
    for one in left_out.values():
        print(f"{args.to / one.mirror}  derived from {one.derived_from}")
    return 0

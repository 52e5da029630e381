"""Refit published tables, and print our parameters beside the published ones.

isoloss audit                       # downloads the tables, a few hundred kilobytes
isoloss audit --mirror FOLDER       # or ISOLOSS_MIRROR=FOLDER: local copies of them
isoloss audit --only gemstones --json
"""

import json
import os
from pathlib import Path

REGISTRY = Path("config/audit.yaml")
SHIPPED = Path(__file__).parents[1] / "fit" / "audit.yaml"  # a link to it in a clone


def add_arguments(parser):
    """The arguments of `isoloss audit`."""
    parser.add_argument(
        "--registry",
        type=Path,
        metavar="FILE",
        help=f"what to refit (default: {REGISTRY}, here, or else isoloss's own)",
    )
    parser.add_argument(
        "--mirror",
        type=Path,
        metavar="DIR",
        help="read the tables there (default: $ISOLOSS_MIRROR, else download)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("results/audit"),
        metavar="DIR",
        help="where downloads are kept (default: results/audit)",
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="fits whose name has this in it")
    parser.add_argument("--draws", type=int, default=1000, help="resampled tables (default: 1000)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the refits; the exit code."""
    from isoloss.cli import texts
    from isoloss.errors import UserError
    from isoloss.fit.audit import MIRROR, audit
    from isoloss.fit.registry import read_registry
    from isoloss.fit.result import plain

    mirror = args.mirror or os.environ.get(MIRROR) or None
    if args.draws < 100:
        raise UserError("--draws", [f"must be 100 or more for standard errors, got {args.draws}"])
    registry = read_registry(args.registry or find_registry())
    wanted = args.only.lower()
    found = audit(
        registry, args.folder, mirror, lambda fit: wanted in fit.name.lower(), draws=args.draws
    )
    if not found:
        names = ", ".join(fit.name for fit in registry.fits)
        raise UserError("--only", [f"no fit has {args.only!r} in its name (fits: {names})"])
    if args.json:
        print(json.dumps(plain({"fits": [one.to_dict() for one in found]}), allow_nan=False))
        return 0
    for one in found:
        print(_text(one, texts), end="\n\n")
    return 0


def find_registry() -> Path:
    """The project's list of published fits; the one that isoloss brings elsewhere."""
    return REGISTRY if REGISTRY.is_file() else SHIPPED


def _text(one, texts):
    c = one.result.certificate
    rows = [["", "published", "found", "std. error", "difference / std. error"]]
    for name, estimate in one.result.params.items():
        off = one.difference.get(name)
        rows.append(
            [
                name,
                texts.number(one.published.get(name)),
                texts.number(estimate.value),
                texts.number(estimate.se),
                "-" if off is None else f"{off:+.2f}",
            ]
        )
    at = "" if one.objective_published is None else f"{one.objective_published:.7g} published, "
    return "\n".join(
        [
            f"{one.fit.name}   [{one.fit.source}]",
            f"{one.result.n_rows} rows; objective {one.fit.objective}: {at}"
            f"{one.objective_found:.7g} found; {c.n_agree} of {c.n_starts} starts agree",
            texts.columns(rows),
            f"verdict: {one.verdict}",
            *([] if one.result.verdict.determined else [f"the fit: {one.result.verdict}"]),
        ]
    )

"""What the card of a published study says of its runs, computed from the runs alone."""

import hashlib
import math
from collections.abc import Iterable
from typing import Any

from isoloss.files import canonical_json
from isoloss.runs.published_tables import Content, counted

# Fields of about.json that the card counts: versions, commit and machine.
MADE_WITH = (
    *("isoloss", "commit", "python", "numpy", "scipy", "torch", "kernel", "device"),
    *("device_name", "processor", "platform", "threads"),
)


def summary(content: Content) -> dict[str, Any]:
    """Where, when and with what the runs were trained, and a hash of their settings.

    Each field of `made_with` counts the runs by its values.
    """
    abouts = [content.abouts[run_id] for run_id in sorted(content.abouts)]
    made_with = {
        name: counted(about.get(name) for about in abouts)
        for name in MADE_WITH
        if any(about.get(name) is not None for about in abouts)
    }
    codes: dict[str, list[str]] = {}
    for row in content.rows.values():
        codes.setdefault(row["task"], []).append(row.get("code"))
    made_with["code"] = {task: counted(of_task) for task, of_task in sorted(codes.items())}
    return {
        "made_with": made_with,
        "started": _started(about.get("started_at_utc") for about in abouts),
        "settings_sha256": _hash_of_settings(content),
        "statuses": counted(row.get("status") for row in content.rows.values()),
    }


def _started(times: Iterable[str | None]) -> dict[str, str]:
    known = sorted(filter(None, times))
    return {"first_utc": known[0], "last_utc": known[-1]} if known else {}


def _hash_of_settings(content: Content) -> str:
    """The SHA-256 of the settings and seeds of all runs, by run."""
    said = {i: [about["settings"], about["seed"]] for i, about in content.abouts.items()}
    return hashlib.sha256(canonical_json(said).encode()).hexdigest()


def cost(content: Content, trunks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The compute and the time of all trainings: what runs share is counted once."""
    rows, trunks = list(content.rows.values()), list(trunks)
    flops = [row["compute_flops"] - (row.get("trunk_flops") or 0.0) for row in rows]
    cpu_s = [row["train_cpu_s"] for row in rows]
    return {
        "runs": len(rows),
        "trunks": len(trunks),
        "flops": math.fsum([*flops, *(trunk["compute_flops"] for trunk in trunks)]),
        "core_hours": math.fsum([*cpu_s, *(t["timed"]["train_cpu_s"] for t in trunks)]) / 3600,
    }

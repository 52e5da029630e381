"""The identity of a run: a readable name and a hash of all that can change its result."""

import hashlib
from typing import Any

from isoloss.config.runs import Run
from isoloss.files import canonical_json
from isoloss.tasks import task_of

# The version of the settings' meaning. A new setting needs no new version if its default leaves old
# runs as they were, because the hash leaves out settings at their defaults.
FORMAT_VERSION = 1


def compact(run: Run) -> dict[str, Any]:
    """The settings of a run that are not at their defaults."""
    return run.model_dump(mode="json", exclude_defaults=True)


def run_id(run: Run, seed: int) -> str:
    """The identity of a run; the run must name its corpus by the corpus's identity.

    Equal settings give equal identities, in any order, and written out or left at their defaults.
    Other runs do not matter.
    """
    return hashed_name(task_of(run).readable_name(run), compact(run), seed)


def hashed_name(name: str, settings: dict[str, Any], seed: int) -> str:
    """A name, the seed, and the hash of the settings and the seed."""
    identity = {"format": FORMAT_VERSION, "settings": settings, "seed": seed}
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()
    return f"{name}-s{seed}-{digest[:10]}"

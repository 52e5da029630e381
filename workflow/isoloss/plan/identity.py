"""Who a run is: a readable name and a hash of exactly what can change its result."""

import hashlib
from typing import Any

from isoloss.config.runs import CopyRun, FunctionRun, LanguageRun, PolynomialRun, Run
from isoloss.files import canonical_json

# Of the meaning of the settings. A new setting needs no new version if its default leaves old runs
# as they were, because settings at their defaults are left out of the hash.
FORMAT_VERSION = 1


def compact(run: Run) -> dict[str, Any]:
    """The settings of a run that are not at their defaults."""
    return run.model_dump(mode="json", exclude_defaults=True)


def run_id(run: Run, seed: int) -> str:
    """The identity of a run; a language run's `corpus` must be the identity of its corpus.

    The same for equal settings in any order, written out or left at their defaults, and whatever
    other runs there are.
    """
    return hashed_name(readable_name(run), compact(run), seed)


def hashed_name(name: str, settings: dict[str, Any], seed: int) -> str:
    """A name, the seed, and the hash of the settings and the seed."""
    identity = {"format": FORMAT_VERSION, "settings": settings, "seed": seed}
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()
    return f"{name}-s{seed}-{digest[:10]}"


def readable_name(run: Run) -> str:
    """What a person needs to recognise a run: task, size, data."""
    match run:
        case FunctionRun():
            task, inputs = run.task, run.task.n_inputs
            name = f"{task.target}{inputs if inputs > 1 else ''}{'-noisy' if task.noise_sd else ''}"
            return f"{name}-w{run.model.width}-n{run.data.n_samples}"
        case PolynomialRun():
            return f"polynomial-{run.task.target}-p{run.model.degree}-n{run.data.n_samples}"
        case CopyRun():
            shape = f"L{run.model.n_layer}-d{run.model.d_model}"
            return f"copy{run.task.length}-{shape}-n{run.data.n_samples}"
        case LanguageRun():
            shape = f"L{run.model.n_layer}-d{run.model.d_model}"
            return f"language-{shape}-D{run.data.n_tokens}"

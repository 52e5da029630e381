"""Read the config and its studies from YAML, and report all problems at once."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError

from isoloss.config.reading import TEMPLATE, lone_surrogate, read_yaml
from isoloss.config.section import checked, problems_of, shown
from isoloss.config.study import SOURCES, Budget, Config, Study, Sweep, take_registered
from isoloss.errors import UserError, nearest
from isoloss.files import read_json

CONFIG = Path("config") / "config.yaml"  # in a project's folder
NAMED = ("analyses", "figures", "fits")  # keys whose lists hold sections with names
MOST_RUNS = 1_000_000  # of one sweep, whatever the budget: the plan handles runs one by one
# Commands contain the names of folders unquoted.
FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def read_config(
    root: str | Path,
    configfiles: Iterable[str | Path] = (),
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of a project's config/config.yaml with the command line's changes, unchecked.

    Parameters
    ----------
    root : path
        The project's folder.
    configfiles : iterable of path
        Files of changes, relative to the present folder; later files override earlier ones.
    changes : mapping, optional
        Changes that override all files.

    Raises
    ------
    UserError
        `read_yaml` refuses a file.
    """
    config = read_yaml(Path(root) / CONFIG)
    for path in map(Path, configfiles):
        config = merged(config, _read_json(path) if path.suffix == ".json" else read_yaml(path))
    return merged(config, dict(changes or {}))


def _read_json(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise UserError(str(path), [f"must hold keys and values, got {type(value).__name__}"])
    if TEMPLATE in value:
        raise UserError(str(path), [f"{TEMPLATE}: a config holds values, and no code"])
    return value


def parse(model: type[BaseModel], value: Any, where: str) -> Any:
    """Check `value` against `model`; raise a UserError that lists every problem."""
    try:
        return checked(model, value)
    except ValidationError as error:
        raise UserError(where, problems_of(error, model)) from error


def parse_config(value: dict[str, Any], where: str = "the configuration") -> Config:
    """Check the content of config/config.yaml.

    Raises
    ------
    UserError
        Unknown, missing or wrong keys; a folder outside the project.
    """
    config = parse(Config, value, where)
    problems = [
        f"{key}: must be a folder inside the project, got {folder!r}"
        for key in ("results", "figures")
        if (path := PurePosixPath(folder := getattr(config, key))).is_absolute()
        or ".." in path.parts
        or not path.parts
    ]
    problems += [
        f"{key}: a folder's name has only letters, digits, '_', '-' and '.', and starts with a "
        f"letter, a digit or '_', got {folder!r}"
        for key in ("results", "figures")
        if not problems and not FOLDER.fullmatch(folder := getattr(config, key))
    ]
    results, figures = (PurePosixPath(folder).parts for folder in (config.results, config.figures))
    shorter = min(len(results), len(figures))
    if not problems and results[:shorter] == figures[:shorter]:
        problems.append(
            f"figures: {config.figures!r} and results {config.results!r} must be two folders, "
            "neither inside the other"
        )
    if config.stack not in ("auto", 1) and config.device != "cuda":
        problems.append(
            f"stack: {config.stack}, but the device is {config.device}: only runs on cuda are"
            " trained side by side; leave `stack` out, or set it to 1"
        )
    problems += [
        f"published: must be folders inside the project, got {folder!r}"
        for folder in config.published
        if not FOLDER.fullmatch(folder)
    ]
    problems += [
        f"overrides.{name}: is not one of the studies{nearest(name, config.studies)}"
        for name in config.overrides
        if name not in config.studies
    ]
    problems += [
        f"studies: {name!r} is given twice"
        for i, name in enumerate(config.studies)
        if name in config.studies[:i]
    ]
    if problems:
        raise UserError(where, problems)
    return config


def whole_studies(config: Config, folder: str | Path) -> tuple[dict[str, Study], list[str]]:
    """The studies that can be read, each with its overrides, and the problems of the others."""
    take_registered()
    folder = Path(folder)
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    studies, problems = {}, []
    for name in config.studies:
        path = folder / f"{name}.yaml"
        if name not in known:
            problems.append(f"studies: there is no {path}{nearest(name, known)}")
            continue
        try:
            value = merged(read_yaml(path), config.overrides.get(name, {}))
            studies[name] = parse_study(value, str(path))
        except UserError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    for name, study in list(studies.items()):
        found = [*_too_many(study, config.budget), *_unknown_studies(name, study, config)]
        if found:
            problems += [f"{name}: {problem}" for problem in found]
            del studies[name]
    return studies, problems


def _unknown_studies(name: str, study: Study, config: Config) -> Iterator[str]:
    for other in getattr(study, "of", []):
        if other not in config.studies or other == name:
            hint = nearest(other, config.studies)
            yield f"of: {other!r} is not one of the studies{hint}"


def _too_many(study: Study, budget: Budget) -> Iterator[str]:
    """Sweeps beyond the budget, counted before runs are made, because there may be too many."""
    allowed = min(budget.runs, MOST_RUNS)
    for name, sweep in getattr(study, "sweeps", {}).items():
        if isinstance(sweep, Sweep) and sweep.n_runs > allowed:
            sizes = [
                " x ".join(f"{len(values):,} of {key}" for key, values in grid.items())
                for grid in sweep.grids.values()
            ]
            product = f"{' + '.join(sizes)} x {len(sweep.seed_values):,} of seeds"
            yield (
                f"sweeps.{name}: {sweep.n_runs:,} runs ({product}) are more than the "
                f"{allowed:,} that {'budget.runs allows' if allowed < MOST_RUNS else 'can be'}"
            )


def parse_study(value: dict[str, Any], where: str) -> Study:
    """Check the content of one study's file; its `source` names the kind of study."""
    source = value.get("source", "training")
    if not isinstance(source, str) or source not in SOURCES:
        allowed = ", ".join(SOURCES)
        hint = nearest(str(source), SOURCES)
        raise UserError(where, [f"source: got {shown(source)}, allowed are {allowed}{hint}"])
    if bad := list(unwritable(value)):
        raise UserError(where, bad)
    return parse(SOURCES[source], value, where)


def unwritable(value: Any, key: str = "") -> Iterator[str]:
    """Values that no page can hold, each with its key: NaN, infinity, halves of characters."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{key}: must be a finite number"
    elif isinstance(value, str) and lone_surrogate(value):
        yield f"{key}: {value[:60]!a} holds half of a character (a surrogate)"
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in items:
            yield from unwritable(part, f"{key}.{name}" if key else str(name))


def merged(base: dict[str, Any], changes: dict[str, Any], key: str = "") -> dict[str, Any]:
    """`base` with `changes`: sections are merged, everything else is replaced.

    A section that changes a list of named sections has the names of those that it changes.

    Raises
    ------
    UserError
        A list has no section of such a name.
    """
    result = dict(base)
    for name, value in changes.items():
        at = f"{key}.{name}" if key else str(name)
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value, at)
        elif name in NAMED and isinstance(value, dict) and isinstance(result.get(name), list):
            result[name] = _merged_by_name(result[name], value, at)
        else:
            result[name] = value
    return result


def _merged_by_name(base: list[Any], changes: dict[str, Any], key: str) -> list[Any]:
    """The sections of a list, which are called by their `name`, or by what they do or draw."""
    sections = [{"draw": one} if isinstance(one, str) else one for one in base]
    names = [
        str(next((one[k] for k in ("name", "do", "draw") if k in one), ""))
        if isinstance(one, dict) else ""
        for one in sections
    ]  # fmt: skip
    if unknown := [name for name in changes if name not in names]:
        raise UserError("overrides", [
            f"{key}: there is no {name!r}{nearest(name, [n for n in names if n])}"
            for name in unknown
        ])  # fmt: skip
    return [
        merged(section, changes[name], f"{key}.{name}")
        if isinstance(changes.get(name), dict) else changes.get(name, before)
        for before, section, name in zip(base, sections, names, strict=True)
    ]  # fmt: skip

"""Save a fit as JSON and read it back, exact to the last bit.

The file is no pickle, so opening it runs no code. Floats are written with the digits that give the
same double again. The file holds the name of a law of isoloss, and the description of any other
`Sum`. The reader passes any other law as an argument. The file ends with the SHA-256 of its
content, so that an edit shows. Files of format 1 have none. `FitResult` is not imported here,
because its module imports this one.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from isoloss import __version__
from isoloss.config.section import problems_of
from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json, write_text
from isoloss.fit.curvature import LackOfFit
from isoloss.fit.misfit import Misfit
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import Certificate
from isoloss.fit.outliers import Outlier
from isoloss.fit.problem import Problem
from isoloss.laws import Law, Parameter, Sum, Term, known
from isoloss.results.verdict import Verdict
from isoloss.stats.intervals import Estimate

FORMAT = "isoloss fit"
VERSION = 2
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _number(value: Any) -> Any:
    """A float from JSON, which writes NaN and infinity as text."""
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_number)]


class Part(BaseModel):
    """A part of the file: no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SavedMatrix(Part):
    """A matrix with its shape, so that one without rows keeps its number of columns."""

    shape: list[int]
    values: list[Number]

    def array(self) -> np.ndarray:
        """The matrix as an array of its shape."""
        return np.array(self.values, float).reshape(self.shape)


class SavedParameter(Part):
    """A `laws.Parameter`."""

    name: str
    unit: str
    meaning: str
    log: bool
    lower: Number
    upper: Number


class SavedTerm(Part):
    """A `laws.Term`."""

    coefficient: str
    variable: str
    exponent: str


class SavedLaw(Part):
    """A law: the name of one of isoloss, the description of a Sum, or the name of another class."""

    kind: Literal["isoloss", "sum", "own"]
    name: str
    made_by: str  # the class
    formula: str
    source: str
    variables: list[str]
    parameters: list[SavedParameter]
    terms: list[SavedTerm] = []
    floor: str | None = None


class SavedEstimate(Part):
    """An `Estimate`."""

    value: Number
    lo: Number | None
    hi: Number | None
    se: Number | None
    unit: str


class SavedObjective(Part):
    """An `Objective`."""

    name: Literal["huber", "lad", "lsq", "lsq_raw"]
    delta: Number


class SavedCertificate(Part):
    """A `Certificate`."""

    n_starts: int
    n_agree: int
    converged: bool
    gradient_norm: Number
    condition_number: Number
    at_bounds: list[str]


class SavedLackOfFit(Part):
    """A `LackOfFit`."""

    p_value: Number
    curvature: Number
    lo: Number
    hi: Number
    exponent_first: Number
    exponent_last: Number
    size: Number
    bends: bool


class SavedMisfit(Part):
    """A `Misfit`."""

    p_value: Number
    against: Literal["bends", "runs", "repeats"]
    size: Number
    noise: Number
    by: dict[str, Number]
    worst: dict[str, Number]
    freedom: int = 1  # not in format 1
    bias_size: float | None = None
    bias_freedom: int | None = None


class SavedOutlier(Part):
    """An `Outlier`."""

    row: int
    off: Number
    p_value: Number
    without: dict[str, Number]


class Saved(Part):
    """The content of the file; after the head, the fields of `FitResult` and `Problem`."""

    format: Literal["isoloss fit"]
    version: Literal[1, 2]
    isoloss: str  # the version that wrote it
    law: SavedLaw
    objective: SavedObjective
    objective_value: Number
    n_rows: int
    n_clusters: int
    params: dict[str, SavedEstimate]
    derived: dict[str, SavedEstimate]
    level: Number
    method: str
    intervals: str
    certificate: SavedCertificate
    verdict: str
    warnings: list[str]
    notes: list[str]
    lack_of_fit: SavedLackOfFit | None
    misfit: SavedMisfit | None
    outliers: list[SavedOutlier] = []  # not in format 1
    loose: list[str]
    fixed: dict[str, Number]
    tied: list[list[str]]
    theta: list[Number]
    flat_directions: SavedMatrix
    log_x: dict[str, list[Number]]
    log_loss: list[Number]
    weights: list[Number] | None
    clusters: list[int]
    draws: SavedMatrix


def save(result: Any, path: str | Path) -> None:
    """Write a fit, whole or not at all.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    write_checked(path, content_of(result))


def content_of(result: Any) -> dict[str, Any]:
    """A `FitResult` as the content of a file, without the checksum."""
    problem = result.problem
    content = {
        "format": FORMAT,
        "version": VERSION,
        "isoloss": __version__,
        "law": _described(result.law),
        **{name: plain(getattr(result, name)) for name in Saved.model_fields
           if hasattr(result, name) and name not in ("law", "draws", "flat_directions")},
        "fixed": plain(problem.fixed),
        "tied": plain(problem.tied),
        "flat_directions": _matrix(result.flat_directions),
        "log_x": plain(problem.log_x),
        "log_loss": plain(problem.log_loss),
        "weights": plain(problem.weights),
        "draws": _matrix(result.draws),
    }  # fmt: skip
    return {key: content[key] for key in Saved.model_fields}


def write_checked(path: str | Path, content: dict[str, Any]) -> None:
    """Write the content of a saved file and its checksum, one key a line, whole or not at all."""
    lines = (f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
             for key, value in (content | {"sha256": _checksum(content)}).items())  # fmt: skip
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def load(path: str | Path, law: Law | None = None) -> dict[str, Any]:
    """Read a fit, as the fields of a `FitResult`.

    Parameters
    ----------
    law : Law, optional
        The law, where it is the user's own and the file cannot describe it.

    Raises
    ------
    UserError
        The file is missing, cut off, no saved fit, of a newer format, or damaged; or its law is
        not the one of that name.
    """
    where = str(path)
    content = read_json(where)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        other = isinstance(content, dict) and {"law", "params", "certificate"} <= set(content)
        what = " (it is what `isoloss fit --json` prints, which has no draws)" if other else ""
        found = f"is no saved fit{what}; FitResult.save writes one"
        raise UserError(where, [found])
    return fields_of(checked(Saved, content, where, contradictions_of), where, law)


def checked(
    form: type[Part],
    content: dict[str, Any],
    where: str,
    contradictions: Callable[[Any], Iterable[str]],
) -> Any:
    """The content of a saved file as its form, once all of it is right.

    Raises
    ------
    UserError
        It is of a newer format, damaged, or edited.
    """
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise UserError(where, [
            f"has format {version}, written by isoloss {content.get('isoloss')}; this isoloss "
            f"({__version__}) reads up to {VERSION}: update it"
        ])  # fmt: skip
    content = dict(content)
    given = content.pop("sha256", None)
    try:
        saved = form.model_validate(content)
    except ValidationError as error:
        raise UserError(where, problems_of(error, form)) from None
    if problems := list(contradictions(saved)):
        raise UserError(where, problems)
    if version != 1 and given != _checksum(content):
        raise UserError(where, ["sha256: the content is not what was written: somebody edited the "
                                "file, or it was damaged; save the fit again"])  # fmt: skip
    return saved


def fields_of(saved: Saved, where: str, law: Law | None = None) -> dict[str, Any]:
    """The fields of the `FitResult` that was saved; arguments as of `load`."""
    found = _law(saved.law, law, where)
    log_x = {name: np.array(values, float) for name, values in saved.log_x.items()}
    problem = Problem(
        found,
        log_x,
        np.array(saved.log_loss, float),
        Objective(saved.objective.name, saved.objective.delta),
        None if saved.weights is None else np.array(saved.weights, float),
        saved.fixed,
        tuple(tuple(pair) for pair in saved.tied),
    )
    bend, pattern = saved.lack_of_fit, saved.misfit
    certificate = saved.certificate.model_dump()
    certificate["at_bounds"] = tuple(certificate["at_bounds"])
    return {
        "law": found,
        "objective": problem.objective,
        "objective_value": saved.objective_value,
        "n_rows": saved.n_rows,
        "n_clusters": saved.n_clusters,
        "params": {name: Estimate(**e.model_dump()) for name, e in saved.params.items()},
        "derived": {name: Estimate(**e.model_dump()) for name, e in saved.derived.items()},
        "level": saved.level,
        "method": saved.method,
        "intervals": saved.intervals,
        "certificate": Certificate(**certificate),
        "verdict": Verdict.read(saved.verdict),
        "warnings": tuple(saved.warnings),
        "notes": tuple(saved.notes),
        "lack_of_fit": None if bend is None else LackOfFit(**bend.model_dump()),
        "misfit": None if pattern is None else Misfit(**pattern.model_dump()),
        "outliers": tuple(Outlier(**one.model_dump()) for one in saved.outliers),
        "loose": tuple(saved.loose),
        "theta": np.array(saved.theta, float),
        "flat_directions": saved.flat_directions.array(),
        "draws": saved.draws.array(),
        "problem": problem,
        "clusters": np.array(saved.clusters, int),
    }


def contradictions_of(saved: Saved) -> Iterator[str]:
    """Array sizes that contradict each other, as in a file that somebody has edited."""
    n_rows, n_params = len(saved.log_loss), len(saved.law.parameters)
    for name in ("draws", "flat_directions"):
        matrix = getattr(saved, name)
        if len(matrix.shape) != 2 or min(matrix.shape) < 0 or (
            math.prod(matrix.shape) != len(matrix.values)
        ):  # fmt: skip
            yield f"{name}: {len(matrix.values)} numbers are no array of shape {matrix.shape}"
        elif name == "draws" and matrix.shape[1] != n_params:
            yield f"draws: {matrix.shape[1]} parameters, where the law has {n_params}"
    lengths = {f"log_x.{name}": len(x) for name, x in saved.log_x.items()}
    lengths |= {"clusters": len(saved.clusters), "n_rows": saved.n_rows}
    if saved.weights is not None:
        lengths["weights"] = len(saved.weights)
    for name, length in lengths.items():
        if length != n_rows:
            yield f"{name}: {length} rows, where log_loss has {n_rows}"
    if len(saved.theta) != n_params:
        yield f"theta: {len(saved.theta)} numbers, where the law has {n_params} parameters"
    try:
        Verdict.read(saved.verdict)
    except ValueError:
        yield f"verdict: {saved.verdict!r} begins with no known status"
    names = {p.name for p in saved.law.parameters}
    if set(saved.params) != names:
        yield f"params: {', '.join(saved.params)}, where the law has {', '.join(sorted(names))}"
    if set(saved.log_x) != set(saved.law.variables):
        yield f"log_x: {', '.join(saved.log_x)}, where the law has {', '.join(saved.law.variables)}"
    for name in [*saved.fixed, *(name for pair in saved.tied for name in pair)]:
        if name not in names:
            yield f"fixed, tied: the law has no parameter {name!r}"


def _law(saved: SavedLaw, given: Law | None, where: str) -> Law:
    """The law of a saved fit."""
    if saved.kind == "sum" and given is None:
        return Sum(
            name=saved.name,
            formula=saved.formula,
            source=saved.source,
            variables=tuple(saved.variables),
            parameters=tuple(Parameter(**p.model_dump()) for p in saved.parameters),
            terms=tuple(Term(**term.model_dump()) for term in saved.terms),
            floor=saved.floor,
        )
    law = known(saved.name) if saved.kind == "isoloss" and given is None else given
    if law is None:
        told = {
            "isoloss": f"isoloss {__version__} has no law {saved.name!r}, and no module that is "
                       "imported registers it",
            "own": f"{saved.name!r} is an object of {saved.made_by}, which no file can hold",
        }[saved.kind]  # fmt: skip
        raise UserError(where, [f"law: {told}; give it: load_fit(path, law=...)"])
    law = next((one for one in (law, law.separated) if _class(one) == saved.made_by), law)
    wanted = saved.model_dump(include={"name", "formula", "variables"})
    wanted["parameters"] = [p.name for p in saved.parameters]
    found = {"name": law.name, "formula": law.formula, "variables": list(law.variables),
             "parameters": list(law.names)}  # fmt: skip
    different = [
        f"law: its {key} is {found[key]!r}, and the file was made with {wanted[key]!r}"
        for key in wanted
        if found[key] != wanted[key]
    ]
    if different:
        raise UserError(where, different)
    return law


def _described(law: Law) -> dict[str, Any]:
    same = known(law.name)
    kind = "sum" if type(law) is Sum else "own"
    if same is not None and any(type(one) is type(law) and one == law
                                for one in (same, same.separated)):  # fmt: skip
        kind = "isoloss"
    said = {
        "kind": kind,
        "name": law.name,
        "made_by": _class(law),
        "formula": law.formula,
        "source": law.source,
        "variables": list(law.variables),
        "parameters": plain(law.parameters),
    }
    if kind == "sum":
        said |= {"terms": plain(law.terms), "floor": law.floor}
    return said


def _class(law: Law) -> str:
    return f"{type(law).__module__}.{type(law).__qualname__}"


def _matrix(values: np.ndarray) -> dict[str, Any]:
    return {"shape": list(values.shape), "values": plain(values.ravel())}


def plain(value: Any) -> Any:
    """The value as built-in types, with text for NaN and infinity."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value

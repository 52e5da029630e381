"""The base of every section of a config, and messages about its problems."""

import re
import reprlib
from collections.abc import Iterator
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from isoloss.config.reading import number_of
from isoloss.errors import nearest

MOST = 2**63  # the tables' whole columns are 64-bit
PositiveInt = Annotated[int, Field(gt=0, lt=MOST)]
NonNegativeInt = Annotated[int, Field(ge=0, lt=MOST)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Range = Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)]  # from, to
Draws = Annotated[int, Field(gt=0, le=100_000)]  # resampled fits
Levels = Annotated[int, Field(gt=0, le=1000)]  # budgets, losses or curves, each fitted or drawn


def _scalars(values: list[Any]) -> list[Any]:
    """Values that a table's cells can equal; text such as 1e6 becomes a number."""
    found = [number_of(value) for value in values]
    for value in found:
        whole = isinstance(value, int) and not -MOST <= value < MOST
        if not isinstance(value, str | int | float | None) or whole:
            raise ValueError(f"holds numbers and text to compare with, got {shown(value)}")
    return found


Values = Annotated[list[Any], AfterValidator(_scalars)]
# Names become parts of paths: a letter or digit, then letters, digits, "_" or "-".
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)]


# The kinds of a union's values, as pydantic names them in the location of an error.
TAG = re.compile(r"(constrained-)?(int|str|float)$|(list|dict|literal)\[")


class Section(BaseModel):
    """One section of a config: frozen, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def checked(model: type[BaseModel], value: Any) -> Any:
    """`value` as a `model`; where a number must be, text such as 1e-3 becomes that number.

    Snakemake reads YAML 1.1, in which a number with an exponent needs a dot.

    Raises
    ------
    ValidationError
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        places = [
            detail["loc"]
            for detail in error.errors(include_url=False)
            if detail["type"] == "float_type" and number_of(detail["input"]) != detail["input"]
        ]
        if not places:
            raise
    for place in places:
        value = _with_number(value, place)
    return model.model_validate(value)


def _with_number(value: Any, place: tuple[Any, ...]) -> Any:
    """A copy of `value` whose text at `place` is a number."""
    if not place:
        return number_of(value)
    first, *rest = place
    if isinstance(value, dict) and first in value:
        return value | {first: _with_number(value[first], tuple(rest))}
    if isinstance(value, list) and isinstance(first, int) and first < len(value):
        return [_with_number(v, tuple(rest)) if i == first else v for i, v in enumerate(value)]
    return _with_number(value, tuple(rest))  # the tag of a union


def problems_of(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """Every problem that pydantic found: its full key, the value found, the values allowed."""
    details = error.errors(include_url=False)
    unions = {
        detail["loc"][:at]
        for detail in details
        for at, part in enumerate(detail["loc"])
        if isinstance(part, str) and TAG.match(part)
    }
    grouped: dict[Any, list[dict[str, Any]]] = {}
    for number, detail in enumerate(details):
        place = next((u for u in unions if detail["loc"][: len(u)] == u), None)
        grouped.setdefault(number if place is None else place, []).append(detail)
    problems = []
    for place, found in grouped.items():
        if not isinstance(place, tuple):
            problems.append(_problem(found[0], model, prefix))
            continue
        # pydantic tried the value as each allowed kind: the deepest problem is the most useful.
        within = [detail for detail in found if len(detail["loc"]) > len(place) + 1]
        said = []
        for detail in within or found:
            loc = (*place, *detail["loc"][len(place) + 1 :])
            said.append(_problem(detail | {"loc": loc}, model, prefix))
        problems += said if within else [_either(said)]
    return problems


def _either(said: list[str]) -> str:
    """Join messages about one value: "levels: input should be a ..., or ..., got true"."""
    key, _, _ = said[0].partition(": ")
    messages, found = {}, ""
    for text in said:
        message = text.removeprefix(f"{key}: ")
        if message.startswith("got ") and ", allowed are " in message:
            messages["allowed are " + message.partition(", allowed are ")[2]] = None
        else:
            message, _, found = message.rpartition(", got ")
            messages[message] = None
    return f"{key}: {', or '.join(messages)}, got {found}"


def _problem(detail: dict[str, Any], model: type[BaseModel], prefix: str) -> str:
    parts = [prefix, *map(str, _keys_in(model, detail["loc"]))]
    key = ".".join(part for part in parts if part)
    kind = detail["type"]
    if kind == "extra_forbidden":
        allowed = _keys_beside(model, detail["loc"])
        hint = nearest(str(detail["loc"][-1]), allowed - {detail["loc"][-1]})
        if not hint and allowed:
            hint = f"; allowed are {', '.join(sorted(allowed))}"
        return f"{key}: unknown key{hint}"
    if kind == "missing":
        return f"{key}: missing"
    if kind == "union_tag_invalid":
        tags = [tag.strip("' ") for tag in detail["ctx"]["expected_tags"].split(",")]
        key, found = f"{key}.{detail['ctx']['discriminator'].strip(chr(39))}", detail["ctx"]["tag"]
        return f"{key}: got {shown(found)}{nearest(found, tags) or f'; there are {_list(tags)}'}"
    if kind == "value_error":
        return f"{key}: {detail['ctx']['error']}".removeprefix(": ")
    message = detail["msg"][0].lower() + detail["msg"][1:]
    found = shown(detail["input"])
    if kind == "literal_error":
        allowed = [option.strip("' ") for option in _alternatives(detail["ctx"]["expected"])]
        hint = nearest(found.strip("'"), allowed)
        return f"{key}: got {found}, allowed are {', '.join(allowed)}{hint}"
    if kind == "model_type":
        message = "must hold keys and values"
    if kind == "string_pattern_mismatch":
        message = "a name has only letters, digits, '_' and '-', and starts with a letter or digit"
    return f"{key}: {message}, got {found}"


def _list(names: list[str]) -> str:
    return ", ".join(sorted(names))


def shown(value: Any, most: int = 200) -> str:
    """A value as messages show it: on one line, and cut if it is long."""
    short = reprlib.Repr()
    short.maxlevel, short.maxlist, short.maxdict, short.maxstring = 3, 8, 8, most
    text = short.repr(value)
    return text if len(text) <= most else text[:most] + "..."


def _alternatives(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(",")


def _keys_beside(model: type[BaseModel], location: tuple[Any, ...]) -> set[str]:
    """The valid keys of the section that has the key at `location`."""
    candidates: list[type[BaseModel]] = [model]
    for part in location[:-1]:
        following = []
        for candidate in candidates:
            if part in candidate.model_fields:
                following += list(_models_in(candidate.model_fields[part].annotation))
        # A union's tag or a list's position is part of the location, but not a key.
        tagged = [candidate for candidate in candidates if part in _tags(candidate)]
        candidates = following or tagged or candidates
    return {name for candidate in candidates for name in candidate.model_fields}


def _keys_in(model: type[BaseModel], location: tuple[Any, ...]) -> Iterator[Any]:
    """The parts of a location that the config's reader has written: no tag of a `kind`."""
    candidates: list[type[BaseModel]] = [model]
    for part in location:
        fields = [c.model_fields[part] for c in candidates if part in c.model_fields]
        kinds = [c for c in candidates if part in _values_of(c, "kind")]
        if not fields and kinds:
            candidates = kinds
            continue
        candidates = [m for field in fields for m in _models_in(field.annotation)] or candidates
        if part != "[key]":
            yield part


def _values_of(model: type[BaseModel], key: str) -> tuple[Any, ...]:
    field = model.model_fields.get(key)
    return get_args(field.annotation) if field else ()


def _tags(model: type[BaseModel]) -> set[str]:
    """The tags of a kind of section: values of keys that allow a single value."""
    literals = (get_args(field.annotation) for field in model.model_fields.values())
    return {values[0] for values in literals if len(values) == 1 and isinstance(values[0], str)}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)

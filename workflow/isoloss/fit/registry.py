"""The registry of published tables and fits, for `isoloss fetch` and `isoloss audit`."""

from pathlib import Path
from typing import Annotated, Self

import pydantic

from isoloss.config.reading import read_yaml
from isoloss.config.section import Name
from isoloss.errors import UserError

Sha256 = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class PublishedTable(_Strict):
    """A published file, pinned to a commit and to its content.

    A table without an address was derived from its authors' publication, which `derived_from`
    names. It can only be taken from a folder that has a copy.
    """

    address: str | None = None
    derived_from: str | None = None
    sha256: Sha256
    max_bytes: Annotated[int, pydantic.Field(gt=0)]
    licence: str
    mirror: Annotated[str, pydantic.Field(pattern=r"^[\w-][\w. -]*(/[\w-][\w. -]*)*$")]  # a path

    @pydantic.model_validator(mode="after")
    def _has_an_origin(self) -> Self:
        if (self.address is None) == (self.derived_from is None):
            raise ValueError("needs one of address and derived_from")
        return self


class PublishedFit(_Strict):
    """A published fit: its rows of a table, its law, and its published parameters."""

    name: str
    source: str
    table: str
    law: str
    columns: dict[str, str]
    cluster: str | None = None
    drop_highest: Annotated[int, pydantic.Field(ge=0)] = 0  # losses left out, from the top
    objective: str = "huber"
    delta: float = 1e-3
    published: dict[str, float] = {}


class Registry(_Strict):
    """All published tables and fits, by name."""

    tables: dict[Name, PublishedTable]  # the names are those of downloaded files
    fits: tuple[PublishedFit, ...]


def read_registry(path: str | Path) -> Registry:
    """Read a registry in YAML.

    Raises
    ------
    UserError
        The file cannot be read, or a key is missing, unknown or of the wrong kind.
    """
    path = Path(path)
    found = read_yaml(path)
    try:
        registry = Registry.model_validate(found)
    except pydantic.ValidationError as error:
        raise UserError(
            str(path),
            [
                f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
                for one in error.errors()
            ],
        ) from error
    unknown = [
        f"fits: {fit.name!r} names the table {fit.table!r}, which is not in tables"
        for fit in registry.fits
        if fit.table not in registry.tables
    ]
    if unknown:
        raise UserError(str(path), unknown)
    return registry

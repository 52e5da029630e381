"""Recognise which column of a table holds which quantity, and in which unit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from isoloss.errors import nearest
from isoloss.tables import names
from isoloss.tables.cells import SUFFIXED, is_empty, read_cells
from isoloss.tables.names import KNOWN, LETTERS, NON_EMBEDDING, SCALED, plain, unit_of

IN_PF_DAYS = ("compute_pf_days", "compute_min_pf_days")
TRIED = 200  # cells of a column that are read to see whether it holds numbers
LISTED = 12  # the most columns named in one message
POWER = re.compile(r"10\s*(?:\*\*|\^)(.+)")


@dataclass(frozen=True)
class Found:
    """A column, and the factor of its cells (`assumed`: the user did not name the column).

    `parts` are the columns whose product it is, where it is several. `log10`: cells are logarithms.
    """

    column: str
    factor: float = 1.0
    assumed: bool = False
    parts: tuple[str, ...] = ()
    log10: bool = False


def recognise(name: str, named, taken: Iterable[str] = ()) -> str | None:
    """The column that holds `name`, in its own unit: the name itself, or a known synonym."""
    options = [one for one in options_of(name, named, taken) if one.factor == 1]
    return options[0].column if options else None


def options_of(name, named, taken=(), kaplan=False) -> list[Found]:
    """All columns that may hold `name`, the most likely first; those without numbers come last.

    A sheet may name a size once for the rows below it, and again in each row of another column.
    """
    taken = set(taken)
    ranked = []
    for place, column in enumerate(named):
        if column in taken:
            continue
        rank = _loss_rank(column) if name == "loss" else _rank(name, column, kaplan)
        if rank is not None:
            *order, factor = rank
            cells = named[column]
            if factor != 1 and have_units(cells):
                factor = 1.0  # the cells of "Params (M)" may say 20M themselves
            no_number = not holds_numbers(cells, name, factor)
            sparse = name in SCALED and _mostly_empty(cells)
            key = (no_number, sparse, *order, place)
            ranked.append((key, Found(column, factor, factor != 1)))
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]


def _rank(name, column, kaplan):
    """How likely `column` is `name` (lower is more), and its factor; None where it is not."""
    known = KNOWN.get(name, ())
    if name == "n_params":
        known = (*NON_EMBEDDING, *known) if kaplan else (*known, *NON_EMBEDDING)
    letter = LETTERS.get(name)
    for form, text, factor in _forms(column, name):
        if text == name and not (kaplan and name == "n_params"):
            return form, -1, factor
        small = plain(text)
        if text.strip() == letter or (small in known and small.upper() != letter):
            word = letter if text.strip() == letter else small
            order = known.index(word) if word in known else len(known)
            return form, order, factor
        if counted := names.counts(name, text):
            first = kaplan if counted == "without" else counted == "plain"
            return form, 0 if first and kaplan else len(known) - 0.5 * first, factor
    if name == "n_params":
        active = [factor for _, text, factor in _forms(column, name) if names.is_active(text)]
        return (1, -1, max(active)) if active else None
    return None


def _forms(column, name):
    """What a name may say: itself, without a description, its last part, without a unit."""
    yield 0, column, 1.0
    described = names.DESCRIBED.fullmatch(column.strip())
    base, factor = unit_of(column) if name in SCALED else (column, 1.0)
    if factor == 1 and described:
        kind = plain(described[2])
        if name == "n_params" and kind.startswith(("non_emb", "nonemb", "no_emb", "excl")):
            yield 1, NON_EMBEDDING[0], 1.0
        elif kind not in names.UNITS and not set(names.words(kind)) & {"per", "unique", "s"}:
            yield 1, described[1], 1.0
    last = column.replace(".", "/").rpartition("/")[2]
    if last != column and factor == 1 and not _is_ratio(column):
        yield 2, last, 1.0
    if factor != 1:
        yield 3, base, factor
        inner = base.replace(".", "/").rpartition("/")[2]
        if inner != base:
            yield 4, inner, factor
    ending = names.LAST.fullmatch(column.strip())
    if factor == 1 and ending and name in SCALED:
        yield 5, ending[1], names.UNITS[ending[2].lower()]


def _is_ratio(column) -> bool:
    """Whether a name is that of a ratio, such as D/N and tokens/param."""
    over, _, last = (part.strip() for part in column.rpartition("/"))
    letters = len(over) <= 2 and len(last) <= 2
    return bool(over) and (names.words(last)[:1] == ["param"] or letters)


def _loss_rank(column):
    """Held-out losses, then losses, then other metrics of held-out data, then training losses."""
    small = plain(column)
    known = KNOWN["loss"]
    if column.strip() == "l" or not (
        small in known or column.strip() == LETTERS["loss"] or names.is_loss(column)
    ):
        return None
    nats = names.metric_of(column) == "nats"
    if names.is_training(column):
        kind = 5
    elif names.is_held_out(column):
        kind = 0 if nats else 2
    else:
        kind = 1 if nats else 3
    kind += 0.5 * (names.metric_of(column) == "perplexity")
    word = "L" if column.strip() == "L" else small
    numbers = [int(part) for part in column.split("/") if part.isdecimal()]
    last = -max(numbers, default=0)  # of losses/0/val_loss to losses/49/val_loss the last
    return kind, known.index(word) if word in known else len(known), last, 1.0


def have_units(cells) -> bool:
    """Whether each cell states its own unit, as 1.3B does."""
    filled = [cell for cell in np.asarray(cells, dtype=object) if not is_empty(cell)]
    return bool(filled) and all(
        isinstance(x, str) and SUFFIXED.fullmatch(x.strip()) for x in filled
    )


def _mostly_empty(cells) -> bool:
    cells = np.asarray(cells)
    if cells.dtype.kind in "iu":
        return False
    return 2 * sum(map(is_empty, cells.tolist())) > len(cells)


def holds_numbers(cells, name, factor) -> bool:
    """Whether most cells are numbers, and not all are zero."""
    cells = np.asarray(cells, dtype=object)
    filled = [cell for cell in cells[:TRIED] if not is_empty(cell)]
    if not filled:
        return False
    got = read_cells(filled, name, decimal_comma=True, may_be_zero=True)
    return bool(2 * np.isfinite(got.numbers).sum() > len(filled) and np.any(got.numbers != 0))


def without_embeddings(column) -> bool:
    """Whether a column counts parameters without embeddings, by its name."""
    return any(plain(text) in NON_EMBEDDING or names.counts("n_params", text) == "without"
               for _, text, _ in _forms(column, "n_params"))  # fmt: skip


def known(column, named, role, problems) -> bool:
    """Whether there is such a column; if not, add a problem."""
    if column in named:
        return True
    problems.append(
        f"{role}: there is no column {column!r}{nearest(column, named)} (columns: {listed(named)})"
    )
    return False


def said(name, text, named, problems, notes, quantity=None) -> Found | None:
    """The column and factor that a user gives for `name`, as "COLUMN" or "COLUMN*FACTOR".

    A product of columns is one too, and "10**COLUMN" for logarithms. `quantity` is the quantity
    that `name` measures, where the names differ.
    """
    if text not in named and (power := POWER.fullmatch(text)):
        inner = power[1].strip()
        return Found(inner, log10=True) if known(inner, named, name, problems) else None
    column, times, factor = text.rpartition("*")
    if text in named or not times:
        if not known(text, named, name, problems):
            return None
        unit = unit_of(text)[1] if (quantity or name) in SCALED else 1.0
        if unit != 1:
            notes.append(f"{name}: column {text!r}, times {factor_text(unit)}")
        return Found(text, unit, assumed=unit != 1)
    try:
        number = float(factor)
    except ValueError:
        number = np.nan
        parts = tuple(part.strip() for part in text.split("*"))
        if all(part in named for part in parts):
            return Found(text, parts=parts)
    if not (np.isfinite(number) and number > 0):
        problems.append(f"{name}: {factor!r} in {text!r} is no positive number")
        number = 1.0  # so that its cells are read, too
    elif column not in named and "*" in column:
        parts = tuple(part.strip() for part in column.split("*"))
        if all(part in named for part in parts):
            return Found(text, number, parts=parts)
    return Found(column, number) if known(column, named, name, problems) else None


def listed(named) -> str:
    """The names of columns, the first of them where there are many."""
    columns = [str(name) for name in named]
    more = f" and {len(columns) - LISTED} more" if len(columns) > LISTED else ""
    return ", ".join(columns[:LISTED]) + more


def quote(text) -> str:
    return f"'{text}'" if any(not (c.isalnum() or c in "_-,") for c in text) else text


def factor_text(value: float) -> str:
    """A factor as a user would write it: 1e6, not 1e+06."""
    return f"{value:g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def times(column: str, factor: float) -> str:
    """A column and its factor as a user writes them: 'N*1e6'."""
    return f"{column}*{factor_text(factor)}"

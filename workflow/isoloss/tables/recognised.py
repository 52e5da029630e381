"""Recognise which column of a table holds which quantity, and in which unit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from isoloss.constants import FLOPS_PER_PF_DAY
from isoloss.errors import nearest

KAPLAN_N = "; Kaplan et al. count without embeddings"
IN_PF_DAYS = ("compute_pf_days", "compute_min_pf_days")

KNOWN = {
    "n_params": "n_params params parameters model_size num_params param_count parameter_count "
    "n_parameters num_parameters params_active_precise total_params",
    "n_tokens": "n_tokens tokens num_tokens token_count tokens_seen training_tokens d_tokens "
    "train_tokens n_train_tokens data_size",
    "compute": "compute flops flop training_flop training_flops compute_flop compute_flops "
    "total_flops n_flops train_flops",
    "compute_pf_days": "compute_pf_days pf_days pfdays petaflop_days petaflops_days",
    "compute_min_pf_days": "compute_min_pf_days c_min_pf_days",
    "loss": "loss eval_loss val_loss valid_loss validation_loss final_loss test_loss heldout_loss "
    "train_loss training_loss",
    "n_unique_tokens": "n_unique_tokens unique_tokens unique dataset_tokens",
    "n_steps": "n_steps steps step min_steps s_min",
    "learning_rate": "learning_rate lr peak_lr max_lr peak_learning_rate max_learning_rate",
    "batch": "batch batch_size bsz bs global_bs gbs global_batch_size batch_tokens",
}
KNOWN = {name: tuple(words.split()) for name, words in KNOWN.items()}
NON_EMBEDDING = (
    "n_params_non_embedding params_non_embedding non_embedding_params non_embedding_parameters "
    "non_embed_params params_no_embedding n_non_embedding n_no_embed"
)
NON_EMBEDDING = tuple(NON_EMBEDDING.split())
LETTERS = {
    "n_params": "N",
    "n_tokens": "D",
    "compute": "C",
    "loss": "L",
    "n_unique_tokens": "U",
    "n_steps": "S",
}
SMALL = ("n_params", "n_tokens", "compute", "n_unique_tokens")  # l and s often mean something else

UNITS = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12}
UNITS |= {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
UNITS |= {f"{unit}s": UNITS[unit] for unit in ("thousand", "million", "billion", "trillion")}
SCALED = ("n_params", "n_tokens", "compute", "n_unique_tokens", "n_steps")
BRACKETS = re.compile(r"(.+?)[\s_]*[(\[]\s*(?:in\s+)?([a-z]+)\s*[)\]]", re.IGNORECASE)
WORD = re.compile(r"(.+?)_(?:in_)?((?:thousand|million|billion|trillion)s?)")
END = re.compile(r".*[\s_(\[]([a-z]+)[)\]]?", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A column, and the factor of its cells (`assumed`: the user did not name the column)."""

    column: str
    factor: float = 1.0
    assumed: bool = False


def _plain(name: str) -> str:
    return re.sub(r"[\s\-/.]", "_", name.strip().lower())


def unit_of(column: str) -> tuple[str, float]:
    """A column's name without its unit, and the unit: 'Params (M)' is ('Params', 1e6).

    >>> unit_of("tokens_billions")
    ('tokens', 1000000000.0)
    """
    bracketed = BRACKETS.fullmatch(column.strip())
    if bracketed and bracketed[2].lower() in UNITS:
        return bracketed[1], UNITS[bracketed[2].lower()]
    worded = WORD.fullmatch(_plain(column))
    return (worded[1], UNITS[worded[2]]) if worded else (column, 1.0)


def implied_unit(column: str) -> float:
    """The unit that the end of a name suggests, e.g. 1e9 for 'D_B'; 1 for none."""
    end = END.fullmatch(column.strip())
    return UNITS.get(end[1].lower(), 1.0) if end else 1.0


def recognise(name: str, named, taken: Iterable[str] = ()) -> str | None:
    """The column that holds `name`, in its own unit: the name itself, or a known synonym."""
    options = [one for one in _options(name, named, taken) if not one.assumed]
    return options[0].column if options else None


def _options(name, named, taken=(), kaplan=False) -> list[Found]:
    """All columns that may hold `name`, the most likely first."""
    free = [column for column in named if column not in set(taken)]
    words = KNOWN.get(name, ())
    if name == "n_params":
        words = (*NON_EMBEDDING, *words) if kaplan else (*words, *NON_EMBEDDING)
    plain = {_plain(column): column for column in reversed(free)}
    columns = [plain[word] for word in words if word in plain]
    letter = LETTERS.get(name)
    columns += [column for column in free if column.strip() == letter]
    if name in named:  # its own name comes before all others
        own = [c for c in columns if kaplan and _plain(c) in NON_EMBEDDING]
        columns = [*own, name, *columns]
    options = [Found(column) for column in dict.fromkeys(columns)]
    for column in free if name in SCALED else ():
        base, factor = unit_of(column)
        if factor != 1 and (_plain(base) in words or base.strip() == letter):
            options.append(Found(column, factor, assumed=True))
    return options


def find(
    named, wanted, columns, problems: list[str], notes: list[str], law_name: str = "this law"
) -> dict[str, Found]:
    """Find the column of each wanted quantity, and of compute where a quantity follows from it.

    Parameters
    ----------
    named : mapping of column to array
    wanted : sequence of str
        Variables of a law, and "loss".
    columns : mapping
        Columns that the user names: quantity -> "COLUMN" or "COLUMN*FACTOR".
    problems, notes : list
        The function appends quantities that it cannot find, and its assumptions.
    """
    found: dict[str, Found] = {}
    for name, text in columns.items():
        if name not in {*wanted, "n_params", "n_tokens", "compute"}:
            problems.append(
                f"{law_name} has no variable {name!r}{nearest(name, wanted)} "
                f"(variables: {', '.join(wanted)})"
            )
        elif one := said(name, str(text), named, problems, notes):
            found[name] = one
    search = _Search(named, found, notes, law_name.startswith("kaplan_"))
    missing = [name for name in wanted if name not in columns and not search.take(name)]
    follow = set(IN_PF_DAYS) & set(missing)  # from compute
    two = {"n_params", "n_tokens"}
    derives = two <= set(wanted)
    if "compute" not in {*columns, *wanted} and (follow or (derives and two & set(missing))):
        search.take("compute")

    def had(name):
        if "compute" not in found:
            return False
        return name in follow or (derives and name in two and two - {name} <= set(found))

    for name in missing:
        if not had(name):
            search.take_small(name)
    if any(not had(name) for name in missing if name in follow | two and name not in found):
        search.take_small("compute")
    for name in missing:
        if name in follow and had(name):
            found[name] = _pf_days(name, found, notes)
        elif name not in found and not had(name):
            problems.append(_not_found(name, named))
    if follow:
        found.pop("compute", None)
    return found


@dataclass
class _Search:
    named: dict
    found: dict[str, Found]
    notes: list[str]
    kaplan: bool

    @property
    def taken(self):
        return [one.column for one in self.found.values()]

    def take(self, name) -> bool:
        """Find a column by known names, and note the assumption."""
        options = _options(name, self.named, self.taken, self.kaplan)
        if not options:
            return False
        one = self.found[name] = options[0]
        others = ", ".join(repr(option.column) for option in options[1:])
        also = f", times {_factor(one.factor)}" if one.assumed else ""
        also += f" (not {others})" if others else ""
        if self.kaplan and name == "n_params":
            without = _plain(unit_of(one.column)[0]) in NON_EMBEDDING
            also += ", as Kaplan et al. count" if without else KAPLAN_N
        if one.column != name or also:
            self.notes.append(f"{name}: column {one.column!r}{also}")
        return True

    def take_small(self, name) -> bool:
        """Find a column by its letter in lower case, which is less reliable."""
        letter = LETTERS[name].lower() if name in SMALL else None
        column = next((c for c in self.named if c.strip() == letter), None)
        if column is None or column in self.taken:
            return False
        self.found[name] = Found(column)
        self.notes.append(f"{name}: column {column!r}, for want of another")
        return True


def known(column, named, role, problems) -> bool:
    """Whether there is such a column; if not, add a problem."""
    if column in named:
        return True
    problems.append(
        f"{role}: there is no column {column!r}{nearest(column, named)} "
        f"(columns: {', '.join(named)})"
    )
    return False


def said(name, text, named, problems, notes, quantity=None) -> Found | None:
    """The column and factor that a user gives for `name`, as "COLUMN" or "COLUMN*FACTOR".

    `quantity` is the quantity that `name` measures, where the names differ.
    """
    column, times, factor = text.rpartition("*")
    if text in named or not times:
        if not known(text, named, name, problems):
            return None
        unit = unit_of(text)[1] if (quantity or name) in SCALED else 1.0
        if unit != 1:
            notes.append(f"{name}: column {text!r}, times {_factor(unit)}")
        return Found(text, unit, assumed=unit != 1)
    try:
        number = float(factor)
    except ValueError:
        number = np.nan
    if not (np.isfinite(number) and number > 0):
        problems.append(f"{name}: {factor!r} in {text!r} is no positive number")
        number = 1.0  # so that its cells are read, too
    return Found(column, number) if known(column, named, name, problems) else None


def _pf_days(name, found, notes) -> Found:
    compute = found["compute"]
    if name == "compute_pf_days":
        more = ""
    else:
        more = "; Kaplan et al. mean the least compute, far below the critical batch"
    notes.append(f"{name} = compute / {_factor(FLOPS_PER_PF_DAY)} FLOP{more}")
    return Found(compute.column, compute.factor / FLOPS_PER_PF_DAY, assumed=True)


def _not_found(name, named) -> str:
    near = nearest(name, named)
    ask = " Name" if near else "; name"
    return (
        f"no column for {name} was recognised{near}{ask} it, e.g. --column {name}=COLUMN "
        f"(columns: {', '.join(named)})"
    )


def _factor(value: float) -> str:
    """A factor as a user would write it: 1e6, not 1e+06."""
    return f"{value:g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def times(column: str, factor: float) -> str:
    """A column and its factor as a user writes them: 'N*1e6'."""
    return f"{column}*{_factor(factor)}"

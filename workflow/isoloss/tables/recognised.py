"""Recognise which column of a table holds which quantity, and in which unit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from isoloss.constants import FLOPS_PER_PF_DAY
from isoloss.errors import nearest
from isoloss.tables import names
from isoloss.tables.cells import is_empty, read_cells
from isoloss.tables.names import KNOWN, LETTERS, NON_EMBEDDING, SCALED, SMALL, plain, unit_of

KAPLAN_N = "; Kaplan et al. count without embeddings"
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
    """All columns that may hold `name`, the most likely first; those without numbers come last."""
    taken = set(taken)
    ranked = []
    for place, column in enumerate(named):
        if column in taken:
            continue
        rank = _loss_rank(column) if name == "loss" else _rank(name, column, kaplan)
        if rank is not None:
            *order, factor = rank
            no_number = not _holds_numbers(named[column], name, factor)
            ranked.append(((no_number, *order, place), Found(column, factor, factor != 1)))
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
    if name == "n_params" and _is_active(column):
        return 1, -1, 1.0
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
    if last != column and factor == 1 and names.words(last)[:1] != ["param"]:
        yield 2, last, 1.0
    if factor != 1:
        yield 3, base, factor
        inner = base.replace(".", "/").rpartition("/")[2]
        if inner != base:
            yield 4, inner, factor


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
    return kind, known.index(word) if word in known else len(known), 1.0


def _may_be_loss(column) -> bool:
    """Whether some word of a name is that of a loss, wherever it stands."""
    words = {"loss", "nll", *names.METRICS["perplexity"], *names.METRICS["bits"]}
    return bool(set(names.words(column)) & words) and not names.is_training(column)


def _is_active(column) -> bool:
    found = set(names.words(column))
    return bool(found & {"active", "activated"}) and bool(
        found & {"params", "parameters", "n", "param"}
    )


def _holds_numbers(cells, name, factor) -> bool:
    """Whether most cells are numbers, and not all are zero."""
    cells = np.asarray(cells, dtype=object)
    filled = [cell for cell in cells[:TRIED] if not is_empty(cell)]
    if not filled:
        return False
    got = read_cells(filled, name, decimal_comma=True, may_be_zero=True)
    return bool(2 * np.isfinite(got.numbers).sum() > len(filled) and np.any(got.numbers != 0))


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
        Columns that the user names: quantity -> "COLUMN", "COLUMN*FACTOR", "COLUMN*COLUMN" or
        "10**COLUMN".
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
    search = _Search(named, found, notes, problems, law_name.startswith("kaplan_"))
    missing = [name for name in wanted if name not in columns and not search.take(name)]
    follow = set(IN_PF_DAYS) & set(missing)  # from compute
    two = {"n_params", "n_tokens"}
    derives = two <= set(wanted)
    if "n_tokens" in missing and search.take_steps():
        missing.remove("n_tokens")
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
    lacking = []
    for name in missing:
        if name in follow and had(name):
            found[name] = _pf_days(name, found, notes)
        elif name not in found and not had(name):
            lacking.append(name)
    for name in lacking:
        offer = search.offer(name)
        problems.append(_not_found(name, named, name == lacking[0]) + offer)
    if {"n_params", "n_tokens"} <= set(lacking) and "loss" in found:
        problems.append("with one variable only: --law power_law_floor --x COLUMN")
    if follow:
        found.pop("compute", None)
    return found


@dataclass
class _Search:
    named: dict
    found: dict[str, Found]
    notes: list[str]
    problems: list[str]
    kaplan: bool

    @property
    def taken(self):
        return [part for one in self.found.values() for part in (one.column, *one.parts)]

    def take(self, name) -> bool:
        """Find a column by known names, and note the assumption."""
        options = options_of(name, self.named, self.taken, self.kaplan)
        if not options or not _holds_any(self.named[options[0].column], name):
            return False
        also = ""
        if name == "n_tokens":
            options, also = _seen_first(options, self.named)
        one = self.found[name] = options[0]
        if name == "n_params":
            self._ask_of_experts(options)
        others = ", ".join(repr(option.column) for option in options[1:])
        also += f", times {_factor(one.factor)}" if one.assumed else ""
        also += f" (not {others})" if others else ""
        if self.kaplan and name == "n_params":
            without = _without_embeddings(one.column)
            also += ", as Kaplan et al. count" if without else KAPLAN_N
        if one.column != name or also:
            self.notes.append(f"{name}: column {one.column!r}{also}")
        return True

    def _ask_of_experts(self, options):
        """Ask where a table has active and total parameters that differ."""
        active = [one.column for one in options if _is_active(one.column)]
        rest = [
            one.column
            for one in options
            if not _is_active(one.column) and not _without_embeddings(one.column)
        ]
        if not active or not rest:
            return
        first, other = (map(str, np.asarray(self.named[c]).tolist()) for c in (active[0], rest[0]))
        if list(first) == list(other):
            return
        self.problems.append(
            f"n_params: columns {active[0]!r} and {rest[0]!r} differ (a mixture of experts): say "
            f"which is meant, --column n_params={_quote(active[0])} (compute a token goes with it) "
            f"or --column n_params={_quote(rest[0])}"
        )

    def _first(self, words):
        small = {plain(c.replace(".", "/").rpartition("/")[2]): c for c in reversed([*self.named])}
        small |= {plain(c): c for c in reversed([*self.named])}
        free = {word: c for word, c in small.items() if c not in self.taken}
        return next((free[word] for word in words if word in free), None)

    def _product(self):
        """Columns whose product is the number of tokens, or ()."""
        steps, samples = self._first(names.STEPS), self._first(names.SAMPLES)
        tokens, length = self._first(names.BATCH_TOKENS), self._first(names.SEQUENCE)
        batch = self._first(names.BATCH)
        if steps and tokens:
            return steps, tokens
        if steps and batch and length:
            return steps, batch, length
        return (samples, length) if samples and length else ()

    def take_steps(self) -> bool:
        """Tokens as steps times batch times length, where the table has all three."""
        if recognise("compute", self.named, self.taken) is not None:
            return False
        parts = self._product()
        if not parts:
            return False
        text = "*".join(parts)
        self.found["n_tokens"] = Found(text, parts=parts)
        self.notes.append(f"n_tokens: {' x '.join(map(repr, parts))}, for want of a column")
        return True

    def offer(self, name) -> str:
        """What else could give tokens or a loss, as the end of a message."""
        if name == "loss":
            like = [c for c in self.named if c not in self.taken and _may_be_loss(c)]
            other = next((c for c in self.named if names.metric_of(c) == "accuracy"), None)
            if like:
                return f"; these may be one: {', '.join(map(_quote, like[:LISTED]))}"
            return f"; or --column loss={_quote(other)} --metric accuracy" if other else ""
        if name != "n_tokens":
            return ""
        steps = self._first(names.STEPS) or self._first(names.SAMPLES)
        if not steps:
            return ""
        return (
            f"; tokens = {steps} x tokens of each: --column n_tokens={_quote(f'{steps}*524288')} "
            "if each is 524288 tokens (batch x length)"
        )

    def take_small(self, name) -> bool:
        """Find a column by its letter in lower case, which is less reliable."""
        letter = LETTERS[name].lower() if name in SMALL else None
        column = next((c for c in self.named if c.strip() == letter), None)
        if column is None or column in self.taken:
            return False
        self.found[name] = Found(column)
        self.notes.append(f"{name}: column {column!r}, for want of another")
        return True


def _holds_any(cells, name) -> bool:
    """Whether a column recorded anything: a counter of zeros did not."""
    cells = np.asarray(cells, dtype=object)
    return name not in SCALED or not all(str(cell) in ("0", "0.0") for cell in cells)


def _seen_first(options, named):
    """Tokens seen before tokens planned: the column that is never larger, and differs."""
    first = options[0]
    for other in options[1:]:
        if other.factor != first.factor or plain(first.column).endswith("seen"):
            continue
        a, b = (
            read_cells(np.asarray(named[one.column]), "n_tokens").numbers for one in (first, other)
        )
        if np.all(b <= a) and np.any(b < a) and np.any(b >= 0.9 * a):
            rest = [one for one in options if one is not other]
            return [other, *rest], ", tokens seen, as the other is as large or larger in every row"
    return options, ""


def _without_embeddings(column) -> bool:
    return any(plain(text) in NON_EMBEDDING for _, text, _ in _forms(column, "n_params"))


def known(column, named, role, problems) -> bool:
    """Whether there is such a column; if not, add a problem."""
    if column in named:
        return True
    problems.append(
        f"{role}: there is no column {column!r}{nearest(column, named)} (columns: {_listed(named)})"
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
            notes.append(f"{name}: column {text!r}, times {_factor(unit)}")
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


def _pf_days(name, found, notes) -> Found:
    compute = found["compute"]
    if name == "compute_pf_days":
        more = ""
    else:
        more = "; Kaplan et al. mean the least compute, far below the critical batch"
    notes.append(f"{name} = compute / {_factor(FLOPS_PER_PF_DAY)} FLOP{more}")
    return Found(compute.column, compute.factor / FLOPS_PER_PF_DAY, assumed=True)


def _not_found(name, named, listed) -> str:
    ratios = {"per", "ratio"}
    near = nearest(
        name, [c for c in named if not ratios & set(names.words(c)) and "/param" not in c]
    )
    ask = " Name" if near else "; name"
    columns = f" (columns: {_listed(named)})" if listed else ""
    return (
        f"no column for {name} was recognised{near}{ask} it, e.g. --column {name}=COLUMN{columns}"
    )


def _listed(named) -> str:
    """The names of columns, the first of them where there are many."""
    columns = list(named)
    more = f" and {len(columns) - LISTED} more" if len(columns) > LISTED else ""
    return ", ".join(columns[:LISTED]) + more


def _quote(text) -> str:
    return f"'{text}'" if any(not (c.isalnum() or c in "_-") for c in text) else text


def _factor(value: float) -> str:
    """A factor as a user would write it: 1e6, not 1e+06."""
    return f"{value:g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def times(column: str, factor: float) -> str:
    """A column and its factor as a user writes them: 'N*1e6'."""
    return f"{column}*{_factor(factor)}"

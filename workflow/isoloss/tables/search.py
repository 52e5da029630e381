"""Find the column of each quantity that a law needs, or say what the table has instead."""

from dataclasses import dataclass

import numpy as np

from isoloss.constants import FLOPS_PER_PF_DAY
from isoloss.errors import nearest
from isoloss.tables import names
from isoloss.tables.cells import read_cells
from isoloss.tables.names import LETTERS, SCALED, SMALL, plain
from isoloss.tables.recognised import (
    IN_PF_DAYS,
    LISTED,
    Found,
    factor_text,
    have_units,
    holds_numbers,
    listed,
    options_of,
    quote,
    recognise,
    said,
    times,
    without_embeddings,
)

KAPLAN_N = "; Kaplan et al. count without embeddings"
LEFT = 6  # the most columns that are named because nothing else took them
LEAST_FLOP = 1e12  # of a column that is called a budget, and of nothing more
COUNTED_FROM = 1e4  # the largest number of a column of sizes or tokens
OF_CELLS = {
    "n_params": {"model", "models", "size", "params", "config", "arch", "architecture", "network"},
    "n_tokens": {"data", "dataset", "corpus", "training", "horizon", "duration"},
}
NO_QUANTITY = {
    *names.SEQUENCE, *names.STEPS, *names.BATCH, *names.BATCH_TOKENS, *names.KNOWN["learning_rate"],
    "seed", "epoch", "epochs", "n_layer", "n_layers", "layers", "depth", "num_layers", "d_model",
    "width", "hidden_size", "n_head", "n_heads", "heads", "num_heads", "vocab_size", "index", "id",
}  # fmt: skip


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
    free = [column for column in named if column not in search.taken]
    near = {name: _nearest_of(name, free) for name in lacking}
    texts = [_not_found(name, named, near[name], name == lacking[0])
             + search.offer(name, bool(near[name])) for name in lacking]  # fmt: skip
    if texts and derives and two & set(lacking) and "loss" in found and not any(near.values()):
        texts[-1] += search.of_one_variable(two - set(lacking))
    problems += texts
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
        if name == "compute":
            options = [one for one in options if not _is_of_other(one, self.named)]
        if not options or not _holds_any(self.named[options[0].column], name):
            return False
        also = ""
        if name == "n_tokens":
            options, also = _seen_first(options, self.named)
        one = self.found[name] = options[0]
        if name == "n_params":
            self._ask_of_experts(options)
        others = listed([repr(option.column) for option in options[1:]])
        also += f", times {factor_text(one.factor)}" if one.assumed else ""
        also += f" (not {others})" if others else ""
        if self.kaplan and name == "n_params":
            without = without_embeddings(one.column)
            also += ", as Kaplan et al. count" if without else KAPLAN_N
        if one.column != name or also:
            self.notes.append(f"{name}: column {one.column!r}{also}")
        return True

    def _ask_of_experts(self, options):
        """Ask where a table has active and total parameters that differ."""
        active = [one for one in options if names.is_active(_without_unit(one.column))]
        rest = [one for one in options if one not in active and not without_embeddings(one.column)]
        if not active or not rest:
            return
        first, other = active[0], rest[0]
        a, b = (list(map(str, np.asarray(self.named[x.column]).tolist())) for x in (first, other))
        if a == b:
            return
        texts = [quote(times(x.column, x.factor) if x.assumed else x.column)
                 for x in (first, other)]  # fmt: skip
        self.problems.append(
            f"n_params: columns {first.column!r} and {other.column!r} differ (a mixture of "
            f"experts): say which is meant, --column n_params={texts[0]} (compute a token goes "
            f"with it) or --column n_params={texts[1]}"
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

    def take_small(self, name) -> bool:
        """Find a column by less reliable signs: a small letter, or cells such as 20M."""
        letter = LETTERS[name].lower() if name in SMALL else None
        column = next((c for c in self.named if c.strip() == letter), None)
        if column is not None and column not in self.taken:
            self.found[name] = Found(column)
            self.notes.append(f"{name}: column {column!r}, for want of another")
            return True
        for column in self.named:
            likely = OF_CELLS.get(name, set()) & set(names.words(column))
            if likely and column not in self.taken and have_units(self.named[column]):
                self.found[name] = Found(column)
                self.notes.append(f"{name}: column {column!r}, as its cells have units")
                return True
        return False

    def offer(self, name, is_named: bool) -> str:
        """What else could give a quantity, as the end of a message.

        `is_named`: the message names a column whose name is like it.
        """
        if name == "loss":
            like = [c for c in self.named if c not in self.taken and _may_be_loss(c)]
            other = next((c for c in self.named if names.metric_of(c) == "accuracy"), None)
            if like:
                return f"; these may be one: {', '.join(map(quote, like[:LISTED]))}"
            if other:
                return f"; or --column loss={quote(other)} --metric accuracy"
        offers = []
        if name in SCALED and (logs := self._logarithms(name)):
            return f"; if this is log10: --column {name}={quote(f'10**{logs}')}"
        if name == "n_params":
            layers, width = self._first(names.LAYERS), self._first(names.WIDTHS)
            if layers and width:
                product = f"{layers}*{width}*{width}*12"
                offers.append(
                    "a GPT has about 12 x layers x width^2 without embeddings: --column "
                    f"n_params={quote(product)}"
                )
        if name == "n_tokens":
            if steps := self._first(names.STEPS):
                offers.append(
                    f"tokens = {steps} x tokens of each: --column "
                    f"n_tokens={quote(f'{steps}*524288')} if each is 524288 tokens "
                    "(batch x length)"
                )
            if samples := self._first(names.SAMPLES):
                offers.append(
                    f"--column n_tokens={quote(samples)} counts data otherwise than in tokens, "
                    "and so is every D below"
                )
        if not offers and not is_named and (left := self._left(name)):
            options = " or ".join(f"--column {name}={quote(text)}" for text in left)
            offers.append(f"still free: {options}")
        return "".join(f"; {text}" for text in offers)

    def _logarithms(self, name) -> str:
        """A column that holds log10 of a quantity, by its name and its numbers, or ""."""
        for column in self.named:
            of = names.LOG.fullmatch(column.strip())
            if of and column not in self.taken and options_of(name, {of[1]: [1.0]}):
                got = read_cells(np.asarray(self.named[column]), "exponent").numbers
                if np.all((got > 3) & (got < 40)):
                    return column
        return ""

    def _left(self, name) -> list[str]:
        """A few columns of numbers that no quantity took, and that have the range of this one."""
        counted, fractions, whole = [], [], []
        for column, cells in self.named.items():
            if (
                column in self.taken
                or plain(column) in NO_QUANTITY
                or names.OF_MACHINES & set(names.words(column))
                or _is_no_count(column)
                or not holds_numbers(cells, "n_params", 1.0)
            ):
                continue
            cells = np.asarray(cells, dtype=object)
            got = read_cells(cells, "n_params", decimal_comma=True, dotted=True).numbers
            got = got[np.isfinite(got)]
            if got.size == 0 or np.ptp(got) == 0:
                continue
            unit = _unit_at_end(column)
            if np.max(got) * unit >= COUNTED_FROM:
                counted.append(times(column, unit) if unit != 1 else column)
            else:
                (whole if np.all(got == np.round(got)) else fractions).append(column)
        if name == "loss":
            counted = [c for c in counted if not names.counts("n_params", c)]
            found = fractions or whole or counted
        else:
            found = counted if name in ("n_params", "n_tokens") else []
        return found if len(found) <= LEFT else []

    def of_one_variable(self, had) -> str:
        """How to fit a law of the one variable that a table has."""
        one = next((self.found[name] for name in ("n_params", "n_tokens") if name in had), None)
        one = one or self.found.get("compute")
        cells = [] if one is None or one.parts else np.asarray(self.named[one.column]).tolist()
        if cells and len(set(map(str, cells))) == 1:
            return ""
        column = "COLUMN" if one is None else quote(one.column)
        return f"; or a law of one variable: --law power_law_floor --x {column}"


def _is_no_count(column) -> bool:
    of_training = names.is_training(column) and names.is_loss(column)
    found = set(names.words(column))
    return of_training or bool(found & ({"per"} | names.NO_LOSS))


def _unit_at_end(column) -> float:
    """1e9 for size_b; 1 where a unit is no mere letter, and applied when the column is named."""
    ending = names.LAST.fullmatch(column.strip())
    return names.UNITS[ending[2].lower()] if ending and names.unit_of(column)[1] == 1 else 1.0


def _without_unit(column) -> str:
    ending = names.LAST.fullmatch(column.strip())
    base, factor = names.unit_of(column)
    return base if factor != 1 else ending[1] if ending else column


def _may_be_loss(column) -> bool:
    """Whether some word of a name is that of a loss, wherever it stands."""
    words = {"loss", "nll", *names.METRICS["perplexity"], *names.METRICS["bits"]}
    return bool(set(names.words(column)) & words) and not names.is_training(column)


def _is_of_other(one, named) -> bool:
    """Whether a column "budget" is one of parameters or money: far fewer than a run's FLOP."""
    if plain(one.column) != "budget":
        return False
    numbers = read_cells(np.asarray(named[one.column]), "compute").numbers
    return not np.nanmax(np.append(numbers, 0)) >= LEAST_FLOP


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


def _pf_days(name, found, notes) -> Found:
    compute = found["compute"]
    if name == "compute_pf_days":
        more = ""
    else:
        more = "; Kaplan et al. mean the least compute, far below the critical batch"
    notes.append(f"{name} = compute / {factor_text(FLOPS_PER_PF_DAY)} FLOP{more}")
    return Found(compute.column, compute.factor / FLOPS_PER_PF_DAY, assumed=True)


def _nearest_of(name, free) -> str:
    ratios = {"per", "ratio"}
    return nearest(
        name, [c for c in free if not ratios & set(names.words(c)) and "/param" not in c]
    )


def _not_found(name, named, near, first) -> str:
    ask = " Name" if near else "; name"
    columns = f" (columns: {listed(named)})" if first else ""
    return (
        f"no column for {name} was recognised{near}{ask} it, e.g. --column {name}=COLUMN{columns}"
    )

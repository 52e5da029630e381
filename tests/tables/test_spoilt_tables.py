"""Spoilt tables are read right, or a message names what is wrong with them.

ISOLOSS_SPOILT=1000 spoils that many tables of each format, and prints what became of them.
"""

import collections
import os
import random

import numpy as np
import pytest
from tests.tables import spoilt
from tests.tables.spoilt import BYTES, FORMATS, NAMED, SAME

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.laws import LAWS
from isoloss.tables import rows
from isoloss.tables.data import read
from isoloss.tables.read import read_table
from isoloss.tables.shapes import turned

EXAMPLES = int(os.environ.get("ISOLOSS_SPOILT", "8"))
# gzip has a checksum: nothing may differ. zstd and Parquet without one unfold into any rows.
CHECKED = {"gzip": (0, 0), "zstd": (16, 16), "Parquet": (16, 16)}
TRUE = {
    tuple(np.round(np.log(row), 9)) for row in zip(spoilt.N, spoilt.D, spoilt.LOSS, strict=True)
}


def contents(path):
    return {one: one.read_bytes() for one in path.parent.iterdir()}


def outcome(path, truth, names, changed=0, lost=0, usual=frozenset()):
    """What became of a spoilt table: a word, and the messages; "SILENT" is the error.

    `changed` and `lost` are how many rows may differ, or be gone, without a word: a digit that is
    changed in a text shows nowhere. `usual` are notes of the whole table.
    """
    before = contents(path)
    try:
        table = rows.counted(rows.filled(turned(read_table(path))))
        data = read(table, LAWS["chinchilla"], {}, where=str(path))
    except UserError as error:
        text = str(error)
        assert len(text) < 20_000
        told = str(path) in text or path.parent.name in text
        assert contents(path) == before
        if truth == SAME:
            return "SILENT: refused a good table", text
        named = truth == BYTES or any(name in text for name in names)
        return ("refused" if told and named else "SILENT: refused without a name"), text
    assert contents(path) == before
    got = {tuple(np.round(row, 9)) for row in zip(*data.log_x.values(), data.log_loss, strict=True)}
    said = [text for text in (*data.warnings, *data.notes) if text not in usual]
    if got == TRUE and data.n_rows == len(TRUE):
        return "read right", ""
    if truth == SAME:
        return "SILENT: read wrong", f"{sorted(got - TRUE)} {said}"
    if truth == NAMED and not any(name in text for text in said for name in names):
        result = fit_law(table, draws=60)
        said = [*result.warnings, *result.notes, *(a.sentence for a in result.answers())]
        if not any(name in text for text in said for name in names):
            return "SILENT", str(said)
    if truth == BYTES and not said and (len(got - TRUE) > changed or len(TRUE - got) > lost):
        return "SILENT", f"{len(got)} rows, {len(got - TRUE)} are not true"
    return ("read, and said" if truth == NAMED or said else "a digit or a line differs"), ""


def usual_notes(path):
    data = read(rows.filled(turned(read_table(path))), LAWS["chinchilla"], {})
    return frozenset((*data.warnings, *data.notes))


def spoil(path, name, seed, usual=frozenset()):
    """Spoil a table by its meaning, or by its bytes; what became of it."""
    rng = random.Random(f"{name} {seed}")
    if seed % 3 or "*" in path.name:
        case = spoilt.made(path, name, rng)
        return outcome(path, case.truth, case.names), case.what
    FORMATS[name][1](path, spoilt.Spoilt(spoilt.whole(), SAME, ""))
    content, *differ = spoilt.spoil_bytes(path.read_bytes(), rng)
    differ = CHECKED.get(name, differ)
    path.write_bytes(content)
    return outcome(path, BYTES, (), *differ, usual), "bytes"


@pytest.mark.parametrize("name", FORMATS)
def test_a_spoilt_table_is_read_right_or_a_message_names_what_is_wrong(tmp_path, name):
    path = tmp_path / FORMATS[name][0]
    FORMATS[name][1](path, spoilt.Spoilt(spoilt.whole(), SAME, ""))
    assert outcome(path, SAME, ())[0] == "read right"
    usual, tally = usual_notes(path), collections.Counter()
    for seed in range(EXAMPLES):
        (became, text), what = spoil(path, name, seed, usual)
        tally[became] += 1
        assert not became.startswith("SILENT"), f"{became}: {what} (seed {seed})\n{text}"
    print(name, dict(tally))

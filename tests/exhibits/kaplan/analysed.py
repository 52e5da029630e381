"""Rows that Kaplan et al.'s analyses make of planted runs."""

from isoloss.config import exhibits
from tests.exhibits.kaplan import planted as K
from tests.exhibits.made import rows_of
from tests.rows import some

LAW = K.Planted()
STUDY = K.study(LAW)
CRITICAL = K.critical_batch_rows(LAW)


def made(do, study=STUDY, done=CRITICAL, **given):
    """The rows of an analysis, as the table has them."""
    spec = exhibits.analysis(do).settings(do=do, name="it", sweeps=["grid"], **given)
    return rows_of(spec, *study, done)


def parameters(rows, group=None):
    of_group = {} if group is None else {"group": group}
    return some(rows, kind="parameter", **of_group).set_index("quantity")


def points(rows, quantity, group=None, kind="point"):
    return some(rows, quantity, kind=kind, **({} if group is None else {"group": group}))

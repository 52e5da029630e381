"""All analyses of a study, as the workflow's jobs make them one by one."""

import pandas as pd

from isoloss.config import exhibits
from isoloss.exhibits.base import Inputs
from isoloss.exhibits.make import analyse
from isoloss.exhibits.prediction import Prediction
from isoloss.results.rows import table_of
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed


def analyse_study(study, specs, runs, curves, prediction=None, evaluations=None) -> pd.DataFrame:
    """The rows of every analysis, in order; each is given those of the kinds that it reads."""
    specs = [*([] if prediction is None else [Prediction()]), *specs]
    made, kinds = [], []
    for spec in specs:
        read = [table for table, do in zip(made, kinds, strict=True) if do in spec.reads]
        done = pd.concat(read, ignore_index=True) if read else typed([], ANALYSIS_COLUMNS)
        inputs = Inputs(runs=runs, curves=curves, done=done, prediction=prediction,
                        evaluations=evaluations)  # fmt: skip
        made.append(analyse(study, spec, inputs))
        kinds.append(spec.do)
    return pd.concat(made, ignore_index=True) if made else typed([], ANALYSIS_COLUMNS)


def rows_of(spec, runs, curves=None, done=None, evaluations=None) -> pd.DataFrame:
    """The rows of one analysis; what the runs do not allow raises."""
    nothing = typed([], ANALYSIS_COLUMNS)
    curves, done = (nothing if table is None else table for table in (curves, done))
    rows = exhibits.analysis(spec.do).analyse(
        spec, Inputs(runs=runs, curves=curves, done=done, evaluations=evaluations)
    )
    return table_of(rows, study="test", analysis=spec.name, do=spec.do)

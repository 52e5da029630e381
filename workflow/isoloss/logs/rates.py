"""Learning rates as they were logged: where they were 0 to the end, tokens trained nothing."""

from __future__ import annotations

import numpy as np

from isoloss.logs.join import Run
from isoloss.tables import names

NAMES = ("learning_rate", "lr")
AT_ZERO = 0.05  # share of a run; a schedule that decays to 0 logs it at its last step alone


def of_nothing(run: Run) -> str:
    """What a learning rate of 0 from some step to the end of a run says; "" where there is none.

    Of several groups of parameters all must be at 0.
    """
    begin = last = 0
    for tag, one in run.tags.items():
        if names.plain(tag.rpartition("/")[2]) not in NAMES and not tag.startswith("lr-"):
            continue
        good = np.isfinite(one.value)
        step, trained = one.step[good], np.flatnonzero(one.value[good])
        if not len(trained) or trained[-1] == len(step) - 1:
            return ""
        begin, last = max(begin, int(step[trained[-1] + 1])), max(last, int(step[-1]))
    if last == 0 or last - begin < AT_ZERO * last:
        return ""
    return (
        f"the learning rate is 0 from step {begin:,} to step {last:,}, as where accelerate steps a "
        "schedule once for each process; n_tokens counts these steps"
    )

"""Whether the point where two laws meet is known is judged by where the draws meet."""

import numpy as np
import pytest

from isoloss.exhibits.kaplan.crossing import meeting
from isoloss.results import Q
from isoloss.results.verdict import Status, Verdict


@pytest.mark.parametrize(("apart", "status"), [
    (0.1, Status.IDENTIFIED), (3.0, Status.NOT_IDENTIFIED),
])  # fmt: skip
def test_lines_that_meet_at_about_one_place_in_all_draws_tell_it(apart, status):
    log_c = np.concatenate([[0.0], np.linspace(-apart, apart, 100)])
    logs = {Q.C_STAR: (log_c, "PF-days"), Q.N_STAR: (2 * log_c, "parameters")}
    said = {"method": "", "n_runs": 1, "runs": "one"}
    rows = meeting(np.ones(101, bool), logs, said)
    assert [Verdict.read(row.verdict).status for row in rows] == [status, status]
    assert [row.value for row in rows] == [1.0, 1.0]

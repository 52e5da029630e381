"""The table of fits: what is written is read back, by type."""

import numpy as np
import pytest

from isoloss.results.fits import (
    FitGroup,
    FitKind,
    FitRow,
    diagnostics,
    read_fits,
    table_of_fits,
)
from isoloss.results.verdict import IDENTIFIED, Status, Verdict, not_identified

COMMON = {
    "study": "s", "fit": "size", "law": "power_law", "objective": "huber", "n_runs": 3,
    "runs": "a b c", "warnings": "", "level": 0.9, "method": "residual",
}  # fmt: skip
ALL = FitGroup()


def rows(group=ALL, verdict=IDENTIFIED, kept=None):
    said = COMMON | {"group": group, "verdict": IDENTIFIED, "of_fit": verdict}
    said |= {"kind": FitKind.PARAMETER}
    return [
        FitRow(**said, parameter="A", value=3.0, lo=2.0, hi=4.0, unit="loss", diagnostics=kept),
        FitRow(**said, parameter="alpha", value=0.5, unit="", theory=0.4, theory_source="me"),
    ]


def test_a_fit_is_read_as_it_was_written():
    draws = {"A": [2.5, 3.5], "alpha": [0.4, 0.6]}
    kept = diagnostics({"n_draws": 2}, draws, {"x": [10.0, 1000.0]})
    (found,) = read_fits(table_of_fits(rows(FitGroup("n_inputs", "2"), kept=kept)))
    assert (found.fit, str(found.group), found.law_name) == ("size", "n_inputs=2", "power_law")
    assert (found.n_runs, found.runs, found.level) == (3, "a b c", 0.9)
    assert found.params == {"A": 3.0, "alpha": 0.5}
    amplitude, exponent = found.numbers
    assert (amplitude.lo, amplitude.hi, amplitude.unit) == (2.0, 4.0, "loss")
    assert (exponent.theory, exponent.theory_source) == (0.4, "me")
    assert np.isnan([exponent.lo, exponent.hi, amplitude.theory]).all()
    drawn = found.of_columns({"x": "n_params"})
    assert drawn.range("n_params") == (10.0, 1000.0)
    np.testing.assert_allclose(drawn.curve(n_params=np.array([4.0, 9.0])), [1.5, 1.0])
    low, high = drawn.band(n_params=np.array([1.0]))
    assert 2.5 <= low[0] < high[0] <= 3.5


def test_each_group_of_a_fit_is_one_law():
    table = table_of_fits([*rows(FitGroup("d", "1")), *rows(FitGroup("d", "2"))])
    assert [str(found.group) for found in read_fits(table)] == ["d=1", "d=2"]


@pytest.mark.parametrize(
    ("verdict", "describes", "identified"),
    [
        (IDENTIFIED, True, True),
        (not_identified("flat"), True, False),
        (Verdict(Status.NOT_A_POWER_LAW, "it bends"), False, False),
        (Verdict(Status.NOT_FITTED, "2 runs"), False, False),
    ],
)
def test_a_law_describes_the_runs_unless_its_form_is_wrong_or_there_is_none(
    verdict, describes, identified
):
    (found,) = read_fits(table_of_fits(rows(verdict=verdict)))
    assert (found.describes, found.identified) == (describes, identified)
    assert found.verdict.status is verdict.status


def test_a_law_without_all_of_its_parameters_is_not_drawn():
    (found,) = read_fits(table_of_fits(rows()[:1]))
    assert found.of_columns({}).verdict == "not fitted: the table of fits lacks parameters"


def test_a_fit_that_was_not_made_has_no_numbers_and_says_why():
    verdict = Verdict(Status.NOT_FITTED, "2 runs, 2 parameters")
    said = {key: COMMON[key] for key in COMMON if key not in ("level", "method")}
    (found,) = read_fits(
        table_of_fits([FitRow(**said, group=ALL, verdict=verdict, of_fit=verdict)])
    )
    assert (found.numbers, found.verdict, str(found.group)) == ((), verdict, "")


def test_a_verdict_that_no_module_writes_raises():
    table = table_of_fits(rows()).assign(verdict="looks fine")
    with pytest.raises(ValueError, match="looks fine"):
        read_fits(table)


@pytest.mark.parametrize(
    ("text", "value", "there"),
    [("d=2", 2, True), ("d=2", 2.0, True), ("d=2", 3, False), ("schedule=wsd", "wsd", True),
     ("schedule=wsd", "cosine", False), ("", 2, False)],
)  # fmt: skip
def test_a_group_has_the_value_that_its_runs_share(text, value, there):
    group = FitGroup.read(text)
    assert group.has(value) is there
    assert str(group) == text

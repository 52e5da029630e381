"""Spoilt configs are planned, or refused with a message that says where: nothing else happens."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.hostile.mutations import BUDGET, Attempt, real_studies, spoilt

STUDIES = real_studies()


@pytest.fixture(scope="module")
def attempt(tmp_path_factory):
    return Attempt(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", STUDIES)
def test_what_is_spoilt_was_whole(attempt, name):
    assert BUDGET["runs"] > 30
    accepted, message = attempt.try_whole(name, STUDIES[name])
    assert accepted, message


@settings(
    max_examples=75,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_a_spoilt_config_is_planned_or_refused_with_its_key(attempt, data):
    case = data.draw(spoilt(STUDIES))
    accepted, message = attempt(case)
    assert accepted or attempt.says_where(message, case), message
    assert len(message) < 20_000
    assert not attempt.left_behind()

"""A fit in a file: the same to the last bit when it is read, and every other file refused."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from tests.laws.planted_laws import PLANTED, D, N, points

from isoloss import __version__
from isoloss.errors import UserError
from isoloss.fit import FitResult, fit_law, load_fit
from isoloss.forecast import forecast, trials
from isoloss.laws import LAWS, Sum, Term, coefficient, exponent, floor

NOISE = 0.003
OPEN = {"n_params": np.geomspace(1e5, 1e8, 12), "n_tokens": 20 * np.geomspace(1e5, 1e8, 12)}


@pytest.fixture(autouse=True)
def few_trials(monkeypatch):
    """A forecast tries the law on its own runs; twice is enough to see that it is the same."""
    monkeypatch.setattr(trials, "TRIALS", 2)


def fitted(name, at=None, draws=20, **settings):
    """A law fitted to its own losses with noise."""
    at = at or points(name)
    loss = LAWS[name](PLANTED[name], **at)
    noise = np.random.default_rng(7).standard_normal(len(loss))
    table = {**at, "loss": loss * np.exp(NOISE * noise)}
    columns = {v: v for v in at} | {"loss": "loss"}
    return fit_law(table, name, columns=columns, draws=draws, **settings)


def there_and_back(result, tmp_path, **more):
    result.save(tmp_path / "fit.json")
    return load_fit(tmp_path / "fit.json", **more)


def assert_same(one, other):
    """All that is asked of a fit, without any tolerance."""
    assert other.summary() == one.summary()
    assert repr(other) == repr(one)
    assert other._repr_html_() == one._repr_html_()
    assert other.verdict.status is one.verdict.status
    assert other.identified == one.identified
    assert other.params == one.params
    assert other.derived == one.derived
    for name in ("theta", "draws", "flat_directions", "clusters"):
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name), strict=True)
    at = {v: np.exp(x[:3]) * [0.5, 2, 100] for v, x in one.problem.log_x.items()}
    pd.testing.assert_frame_equal(other.predict(at), one.predict(at), check_exact=True)
    if one.law.allocates:
        budgets = [1e15, 1e21, 1e25]
        found = other.optimum(budgets)
        pd.testing.assert_frame_equal(found, one.optimum(budgets), check_exact=True)
    logs = {name: np.log(values) for name, values in at.items()}
    first, second = forecast(one, logs), forecast(other, logs)
    for name in ("loss", "lo", "hi", "law_lo", "law_hi"):
        np.testing.assert_array_equal(getattr(second, name), getattr(first, name))
    assert (second.drift is None) == (first.drift is None)
    if first.drift is not None:
        assert second.drift.to_dict() == first.drift.to_dict()


@pytest.mark.parametrize("name", LAWS)
def test_every_law_comes_back_to_the_last_bit(name, tmp_path):
    result = fitted(name)
    assert_same(result, there_and_back(result, tmp_path))


@pytest.mark.parametrize(
    "settings",
    [
        {"draws": 0},
        {"fixed": {"E": 1.8172}, "tied": [("alpha", "beta")]},
        {"objective": "lsq_raw", "intervals": "profile"},
        {"at": OPEN},
    ],
    ids=["no draws", "held and tied", "profile", "not identified"],
)
def test_every_way_to_fit_comes_back_to_the_last_bit(settings, tmp_path):
    result = fitted("chinchilla", **settings)
    assert_same(result, there_and_back(result, tmp_path))


def test_runs_of_several_rows_with_weights_come_back(tmp_path):
    loss = LAWS["chinchilla"](PLANTED["chinchilla"], n_params=N, n_tokens=D)
    table = {"N": N, "D": D, "loss": loss * np.exp(NOISE * np.sin(np.arange(len(N)) * 7.0))}
    table |= {"run": np.arange(len(N)) // 3, "w": np.linspace(1, 2, len(N))}
    result = fit_law(table, cluster="run", weights="w", draws=20)
    again = there_and_back(result, tmp_path)
    assert again.n_clusters == 12
    assert_same(result, again)


def test_a_law_that_is_solved_in_other_coordinates_where_it_is_held_comes_back(tmp_path):
    loss = LAWS["kaplan_nd"](PLANTED["kaplan_nd"], n_params=N, n_tokens=D)
    result = fit_law({"N": N, "D": D, "loss": loss}, "kaplan_nd", draws=0, fixed={"Nc": 6e13})
    again = there_and_back(result, tmp_path)
    assert again.law == result.law == LAWS["kaplan_nd"].separated
    assert again.problem.fixed == {"Nc": 6e13}
    assert again.values == result.values


def own_sum(name="own"):
    return Sum(
        name=name,
        formula="L = E + A / w**alpha",
        source="here",
        variables=("width",),
        parameters=(coefficient("A", "nats", "at w = 1"), floor(), exponent("alpha", "with w")),
        terms=(Term("A", "width", "alpha"),),
        floor="E",
    )


WIDTHS = {"width": np.geomspace(8, 512, 9)}
WIDTHS["loss"] = (2 + 30 / WIDTHS["width"] ** 0.9) * np.exp(0.01 * np.sin(np.arange(9) * 7.0))


@dataclass(frozen=True)
class Renamed(Sum):
    """A law that only the code of a user can make."""


def test_a_sum_of_ones_own_is_described_in_the_file(tmp_path):
    result = fit_law(WIDTHS, own_sum(), draws=20)
    again = there_and_back(result, tmp_path)
    assert again.law == own_sum()
    assert_same(result, again)


def test_a_registered_law_must_be_registered_again_or_given(tmp_path, monkeypatch):
    law = Renamed(**{name: getattr(own_sum(), name) for name in Sum.__dataclass_fields__})
    path = tmp_path / "fit.json"
    with monkeypatch.context() as registered:
        registered.setitem(LAWS, law.name, law)
        result = fit_law(WIDTHS, law, draws=20)
        result.save(path)
        assert_same(result, load_fit(path))
    with pytest.raises(UserError) as caught:
        load_fit(path)
    assert caught.value.problems == (
        f"law: isoloss {__version__} has no law 'own', and no module that is imported registers "
        "it; give it: load_fit(path, law=...)",
    )
    assert_same(result, load_fit(path, law=law))


def test_another_law_of_ones_own_must_be_given_again(tmp_path):
    fields = {name: getattr(own_sum(), name) for name in Sum.__dataclass_fields__}
    law = Renamed(**fields)
    result = fit_law(WIDTHS, law, draws=20)
    assert_same(result, there_and_back(result, tmp_path, law=law))
    path = tmp_path / "fit.json"
    with pytest.raises(UserError) as caught:
        load_fit(path)
    assert caught.value.problems == (
        f"law: 'own' is an object of {__name__}.Renamed, which no file can hold; give it: "
        "load_fit(path, law=...)",
    )
    with pytest.raises(UserError) as caught:
        load_fit(path, law=LAWS["power_law_floor"])
    assert caught.value.problems[0] == (
        "law: its name is 'power_law_floor', and the file was made with 'own'"
    )


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "fit.json"
    fitted("power_law_floor").save(path)
    return path.read_text(encoding="utf-8")


def refused(tmp_path, text):
    path = tmp_path / "fit.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        FitResult.load(path)
    assert caught.value.where == str(path)
    return caught.value.problems


def test_a_file_that_is_cut_off_anywhere_is_refused(content, tmp_path):
    for end in np.linspace(0, len(content) - 3, 40).astype(int):
        (problem,) = refused(tmp_path, content[:end])
        assert problem.startswith("is not whole JSON: "), end


def test_no_such_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="could not be read: No such file"):
        load_fit(tmp_path / "none.json")
    expected = ("is no saved fit; FitResult.save writes one",)
    for text in ("3", "[]", "{}", '{"format": "isoloss"}', "null"):
        assert refused(tmp_path, text) == expected


def test_the_json_of_the_command_line_is_told_apart(tmp_path):
    printed = json.dumps(fitted("power_law").to_dict())
    assert refused(tmp_path, printed) == (
        "is no saved fit (it is what `isoloss fit --json` prints, which has no draws); "
        "FitResult.save writes one",
    )


def test_a_file_of_format_1_is_read(content, tmp_path):
    """It has no checksum, no outliers and no degrees of freedom of the lack of fit."""
    old = json.loads(content) | {"version": 1}
    for name in ("sha256", "outliers"):
        del old[name]
    path = tmp_path / "fit.json"
    path.write_text(json.dumps(old), encoding="utf-8")
    assert load_fit(path).values == fitted("power_law_floor").values


def test_an_edit_that_is_no_damage_is_named_too(content, tmp_path):
    edited = json.loads(content)
    edited["draws"]["values"][3] += 1e-9
    (problem,) = refused(tmp_path, json.dumps(edited))
    assert problem.startswith("sha256: the content is not what was written")
    assert refused(tmp_path, json.dumps(edited | {"sha256": None}))


def test_a_newer_format_is_refused(content, tmp_path):
    newer = json.loads(content) | {"version": 3, "isoloss": "9.0"}
    (problem,) = refused(tmp_path, json.dumps(newer))
    assert problem.startswith("has format 3, written by isoloss 9.0; this isoloss (")
    assert problem.endswith(") reads up to 2: update it")


def test_every_damage_is_named_at_once(content, tmp_path):
    damaged = json.loads(content)
    damaged["theta"][0] = "x"
    damaged["objective"]["name"] = "hubr"
    del damaged["verdict"]
    problems = refused(tmp_path, json.dumps(damaged))
    assert len(problems) == 3
    for key, problem in zip(("objective.name", "verdict", "theta"), problems, strict=True):
        assert problem.startswith(key)


def test_parts_that_do_not_go_together_are_named(content, tmp_path):
    damaged = json.loads(content)
    damaged["log_loss"].append(0.5)
    damaged["draws"]["shape"][0] += 1
    damaged["theta"].pop()
    damaged["fixed"] = {"Z": 1.0}
    damaged["verdict"] = "fine"
    problems = refused(tmp_path, json.dumps(damaged))
    assert problems[0] == "draws: 60 numbers are no array of shape [21, 3]"
    assert problems[1] == "log_x.x: 40 rows, where log_loss has 41"
    assert problems[-3:] == (
        "theta: 2 numbers, where the law has 3 parameters",
        "verdict: 'fine' begins with no known status",
        "fixed, tied: the law has no parameter 'Z'",
    )


def test_the_file_is_json_by_the_standard(content):
    """No NaN, and nothing else that Python alone could read."""

    def no_constant(name):
        raise AssertionError(name)

    assert json.loads(content, parse_constant=no_constant)["format"] == "isoloss fit"

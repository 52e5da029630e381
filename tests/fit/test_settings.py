"""The settings of a fit: one place for all of them, and every mistake named at once."""

import argparse
import dataclasses
import inspect

import numpy as np
import pytest

from isoloss.cli.tables import add_table_arguments
from isoloss.errors import UserError
from isoloss.fit import FitSettings, fit_law

X = np.geomspace(1e3, 1e7, 12)
TABLE = {"size": X, "loss": 1.5 + 7.0 * X**-0.25, "other": 2.0 + X**-0.5}
# The keywords that fit_law has had since its first release, with their defaults.
KEYWORDS = {
    "law": "chinchilla",
    "x": None,
    "y": None,
    "columns": {},
    "cluster": None,
    "weights": None,
    "objective": "huber",
    "delta": 1e-3,
    "fixed": {},
    "tied": (),
    "level": 0.9,
    "draws": 1000,
    "method": "auto",
    "intervals": "draws",
    "seed": 0,
    "vocabulary": None,
    "metric": None,
    "flops_per_param_token": 6.0,
    "where": "table",
}


def problems(**settings):
    with pytest.raises(UserError) as caught:
        fit_law(TABLE, **settings)
    return caught.value.problems


def test_fit_law_keeps_its_keywords_and_their_defaults():
    shown = inspect.signature(fit_law).parameters
    assert {name: p.default for name, p in shown.items() if name not in ("table", "settings")} == (
        KEYWORDS
    )
    positional = [name for name, p in shown.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["table", "law"]


def test_a_setting_is_added_in_one_place():
    """The signature, the docstring and the options of fit_law all come from the fields."""
    fields = [field.name for field in dataclasses.fields(FitSettings)]
    assert set(fields) == set(inspect.signature(fit_law).parameters) - {"table", "settings"}
    parser = argparse.ArgumentParser()
    add_table_arguments(parser)
    options = {action.dest: action for action in parser._actions}
    for name in fields:
        about, default = FitSettings.about()[name]
        assert f"\n    {name} : " in fit_law.__doc__
        assert about.meaning.split()[0] in fit_law.__doc__
        if name == "where":  # the file's name, on the command line
            assert name not in options
        else:
            assert options[name].option_strings == [about.option]
            assert options[name].default == (default or type(options[name].default)())
            assert about.meaning.replace("%", "%%") in options[name].help


def test_settings_do_what_the_same_keywords_do():
    asked = {"law": "power_law_floor", "x": "size", "y": "other", "draws": 30, "seed": 3,
             "objective": "lsq", "level": 0.8}  # fmt: skip
    by_keyword, by_object = fit_law(TABLE, **asked), fit_law(TABLE, settings=FitSettings(**asked))
    assert by_object.to_dict() == by_keyword.to_dict()
    assert by_object.values == pytest.approx({"A": 1.0, "E": 2.0, "alpha": 0.5}, rel=1e-5)


def test_a_keyword_beside_settings_must_say_the_same():
    settings = FitSettings(law="power_law_floor", x="size", y="loss", draws=20)
    same = fit_law(TABLE, "power_law_floor", x="size", settings=settings)
    assert len(same.draws) == 20
    assert problems(law="power_law", draws=1000, settings=settings) == (
        "law: the keyword says 'power_law' and settings say 'power_law_floor'; leave one of the "
        "two out",
        "draws: the keyword says 1000 and settings say 20; leave one of the two out",
    )


def test_an_unknown_keyword_is_answered_with_the_nearest():
    assert problems(drawz=3, settings={"draws": 3}) == (
        "drawz: there is no such setting; did you mean 'draws'?",
        "settings: must be FitSettings, got dict",
    )


def test_every_value_of_the_wrong_kind_is_named_at_once():
    assert problems(
        x=3, columns="size", level="high", draws=1e3, seed=True,
        tied=["alpha"], method=None, vocabulary="many", law="power_law_floor",
    ) == (
        "x: must be text, got 3",
        "columns: must be a mapping, got 'size'",
        "tied: must be pairs of parameters, got ('alpha',)",
        "level: must be a number, got 'high'",
        "draws: must be a whole number, got 1000.0",
        "method: None is none of auto, residual, cluster, wild, none; did you mean 'none'?",
        "seed: must be a whole number, got True",
        "vocabulary: must be a whole number, got 'many'",
    )  # fmt: skip


def test_what_a_law_cannot_have_is_named_with_all_else():
    assert problems(law="chinchilla", x="size", fixed={"E": "1.7", "e": 1.0}, draws=-1) == (
        "draws: must not be negative, got -1",
        "x: chinchilla has 2 variables (n_params, n_tokens): name them in columns",
        "chinchilla has no parameter 'e' (parameters: A, B, E, alpha, beta)",
        "fixed E: must lie between 0 and inf, got '1.7'",
    )


def test_settings_cannot_be_changed_by_what_they_were_made_from():
    columns = {"x": "size"}
    settings = FitSettings(columns=columns)
    columns["x"] = "other"
    assert settings.columns == {"x": "size"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.draws = 3

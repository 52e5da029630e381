"""An average of laws in a file: the same to the last bit, and edits are seen."""

import json

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.settings import FitSettings
from isoloss.forecast.average import average
from isoloss.forecast.saved import load_average, save_average
from isoloss.laws import LAWS

TRUE = {"A": 400.0, "B": 2000.0, "E": 1.7, "alpha": 0.34, "beta": 0.37}
FAR = {"n_params": [1e8, 1e10], "n_tokens": [1e12, 1e12]}


def table():
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(1e9, 1e11, 5)))
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(n.size))
    loss = LAWS["chinchilla"](TRUE, n_params=n, n_tokens=d) * noise
    return {"n_params": n, "n_tokens": d, "loss": loss}


@pytest.fixture(scope="module")
def averaged():
    return average(table(), FitSettings(law="best", draws=40))


@pytest.fixture(scope="module")
def path(averaged, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "fit.json"
    save_average(averaged, path, 8.0)
    return path


def test_an_average_comes_back_to_the_last_bit(averaged, path, tmp_path):
    again, k = load_average(path)
    assert k == 8.0
    assert again.laws == averaged.laws
    assert again.weights == averaged.weights
    assert again.to_dict() == averaged.to_dict()
    pd.testing.assert_frame_equal(again.predict(FAR), averaged.predict(FAR), check_exact=True)
    for one, other in zip(again.optimum([1e21, 1e24]), averaged.optimum([1e21, 1e24]), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    save_average(again, tmp_path / "again.json", k)
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_one_saved_fit_is_an_average_of_itself(tmp_path):
    result = fit_law(table(), draws=40)
    result.save(tmp_path / "one.json")
    again, k = load_average(tmp_path / "one.json")
    assert k is None
    assert again.laws == ("chinchilla",)
    np.testing.assert_array_equal(again.members[0].result.draws, result.draws)


def test_an_edit_or_a_cut_of_the_file_is_named(path, tmp_path):
    text = path.read_text(encoding="utf-8")
    edited, cut = tmp_path / "edited.json", tmp_path / "cut.json"
    content = json.loads(text)
    content["members"][0]["fit"]["theta"][0] *= 1 + 1e-12
    edited.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="sha256: the content is not what was written"):
        load_average(edited)
    cut.write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(UserError, match="is not whole JSON"):
        load_average(cut)
    content["members"][0]["fit"]["theta"].pop()
    edited.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=r"members\.0\.fit\.theta: \d numbers, where the law has"):
        load_average(edited)

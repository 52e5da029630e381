"""`isoloss hyper`: optima of sweeps, their laws, and what is said where there are none."""

import json

import numpy as np
import pytest

from isoloss.cli.main import main


def sweeps(rates=9, batch=True, ratio=None, with_n=0.0):
    """Columns of planted sweeps: lr* = 2 N^-0.7 D^0.3, B* = 1e-3 D^0.5."""
    rows = []
    for n in (1e8, 3e8, 1e9):
        for d in (2e9, 8e9, 3e10) if ratio is None else (ratio * n,):
            best, size = 2 * n**-0.7 * d**0.3, 1e-3 * d**0.5 * n**with_n
            for u in 0.35 * (np.arange(rates) - rates // 2) + 0.1:
                for v in 0.7 * np.arange(-2, 3) if batch else (0.0,):
                    loss = (2 + 400 / n**0.35) * np.exp(0.02 * u * u + 0.01 * v * v)
                    noise = np.exp(3e-4 * np.sin(97 * len(rows)))
                    rows.append((n, d, best * np.exp(u), size * np.exp(v), loss * noise))
    names = ("N", "D", "lr", "batch_size", "loss")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def said(capsys, *command):
    assert main(["hyper", *command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_laws_of_rate_and_batch_are_printed_with_intervals_and_predict(table, capsys):
    path = table(sweeps())
    found = said(capsys, path, "--n-params", "1e10", "--n-tokens", "2e11")
    rate, batch = found["laws"]
    assert found["warnings"] == []
    assert rate["setting"] == "learning_rate"
    for name, true in (("n_params", -0.7), ("n_tokens", 0.3)):
        e = rate["exponents"][name]
        assert e["lo"] < e["value"] < e["hi"]
        assert e["value"] == pytest.approx(true, abs=0.02)
    assert batch["exponents"]["n_tokens"]["value"] == pytest.approx(0.5, abs=0.02)
    [row] = found["predicted"]
    assert row["learning_rate"]["value"] == pytest.approx(2 * 1e10**-0.7 * 2e11**0.3, rel=0.1)
    assert main(["hyper", path, "--n-params", "1e10", "--n-tokens", "2e11"]) == 0
    text = capsys.readouterr().out
    assert "learning_rate* = " in text
    assert "batch* = " in text
    assert "N 1e+10, D 2e+11: learning_rate " in text


def test_a_batch_that_changes_with_size_too_is_warned_about(table, capsys):
    [warning] = said(capsys, table(sweeps(with_n=-0.2)))["warnings"]
    assert warning.startswith("batch changes with N too, as N^-0.2")


def test_a_setting_that_no_sweep_varies_is_left_out(table, capsys):
    found = said(capsys, table(sweeps(batch=False)))
    assert [law["setting"] for law in found["laws"]] == ["learning_rate"]
    assert "batch does not vary within a sweep, and is left out" in found["notes"]


def test_along_one_ratio_of_tokens_to_size_the_law_is_of_size_alone(table, capsys):
    found = said(capsys, table(sweeps(batch=False, ratio=20)))
    assert list(found["laws"][0]["exponents"]) == ["n_params"]
    assert found["laws"][0]["exponents"]["n_params"]["value"] == pytest.approx(-0.4, abs=0.05)
    assert any("N and D do not vary apart" in text for text in found["notes"])


def test_sweeps_without_an_optimum_are_named_and_are_an_error_alone(table, capsys):
    columns = sweeps(batch=False)
    beyond = [
        rate > 2 * n**-0.7 * d**0.3
        for n, d, rate in zip(columns["N"], columns["D"], columns["lr"], strict=True)
    ]
    cut = {name: [x for x, b in zip(xs, beyond, strict=True) if b] for name, xs in columns.items()}
    assert main(["hyper", table(cut)]) == 2
    error = capsys.readouterr().err
    assert "N 1e+08, D 2e+09: edge (learning_rate below " in error
    large = [b or n < 5e8 for b, n in zip(beyond, columns["N"], strict=True)]
    some = {name: [x for x, b in zip(xs, large, strict=True) if b] for name, xs in columns.items()}
    [warning] = said(capsys, table(some))["warnings"]
    assert warning.startswith("left out, 3 of 9 sweeps: N 1e+09, D 2e+09: edge (learning_rate")


def test_wrong_input_is_told_at_once(table, capsys):
    columns = sweeps()
    path = table(columns)
    assert (
        main(["hyper", path, "--n-params", "1e9", "-1", "--n-tokens", "2e10", "--level", "2"]) == 2
    )
    error = capsys.readouterr().err
    assert "one of each for each prediction, got 2 and 1" in error
    assert "--n-params: must be positive and finite, got -1" in error
    assert "--level: must lie between 0 and 1" in error
    del columns["lr"], columns["batch_size"]
    columns["note"] = list(range(len(columns["N"])))
    assert main(["hyper", table(columns)]) == 2
    assert "learning_rate" in capsys.readouterr().err
    fixed = sweeps(batch=False)
    fixed["lr"] = [1e-3] * len(fixed["N"])
    fixed["note"] = list(range(len(fixed["N"])))
    assert main(["hyper", table(fixed)]) == 2
    assert "no setting was swept at any N and D" in capsys.readouterr().err

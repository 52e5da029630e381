"""Which column is taken for which quantity, in which unit, and what is said about it."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.laws import LAWS
from isoloss.tables.data import read, read_points

N, D = (a.ravel() for a in np.meshgrid(np.geomspace(2e7, 2e9, 3), np.geomspace(1e9, 1e11, 3)))
LOSS = 1.7 + 400 / N**0.34 + 400 / D**0.28
PF_DAY = 1e15 * 24 * 3600  # FLOP


def data(columns, law="chinchilla", named=None):
    return read(pd.DataFrame(columns), LAWS[law], named or {})


def refused(columns, law="chinchilla", named=None):
    with pytest.raises(UserError) as caught:
        data(columns, law, named)
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "quantity", "unit", "said"),
    [
        ("Params (M)", "n_params", 1e6, "1e6"),
        ("N (B)", "n_params", 1e9, "1e9"),
        ("params_millions", "n_params", 1e6, "1e6"),
        ("Model size (in thousands)", "n_params", 1e3, "1000"),
        ("tokens [B]", "n_tokens", 1e9, "1e9"),
        ("tokens_billion", "n_tokens", 1e9, "1e9"),
        ("D (T)", "n_tokens", 1e12, "1e12"),
    ],
)
def test_a_unit_in_a_columns_name_is_applied_and_said(name, quantity, unit, said):
    columns = {"n_params": N, "n_tokens": D, "loss": LOSS}
    columns[name] = columns.pop(quantity) / unit
    found = data(columns)
    np.testing.assert_allclose(np.exp(found.log_x["n_params"]), N)
    np.testing.assert_allclose(np.exp(found.log_x["n_tokens"]), D)
    assert found.notes == (f"{quantity}: column {name!r}, times {said}",)


def test_a_unit_in_a_name_applies_to_a_column_that_is_named_unless_a_factor_is_given():
    columns = {"weights (M)": N / 1e6, "n_tokens": D, "loss": LOSS}
    for text in ("weights (M)", "weights (M)*1e6"):
        found = data(columns, named={"n_params": text})
        np.testing.assert_allclose(np.exp(found.log_x["n_params"]), N)
    columns["weights (M)"] = N
    found = data(columns, named={"n_params": "weights (M)*1"})
    np.testing.assert_allclose(np.exp(found.log_x["n_params"]), N)


def test_numbers_that_contradict_the_unit_of_their_column_are_refused():
    assert refused({"Params (M)": N, "tokens": D, "loss": LOSS}) == (
        "column 'Params (M)': in the unit that its name states the largest is 2e+15 parameters; "
        "if its numbers are parameters already, add --column n_params='Params (M)*1'",
    )


def test_a_message_about_units_suggests_what_the_name_implies():
    said = refused({"size_b": N / 1e9, "tokens": D, "loss": LOSS}, named={"n_params": "size_b"})
    assert said[0].endswith("parameters are wanted, e.g. --column n_params='size_b*1e9'")
    said = refused({"N": N / 1e6 + 0.5, "tokens": D, "loss": LOSS})
    assert said[0].endswith("looks like millions of parameters (largest 2000.5); parameters are "
                            "wanted, e.g. --column n_params='N*1e6'")  # fmt: skip
    said = refused({"N": N, "tokens": D / 1e9 + 1e-4, "loss": LOSS})  # 20 tokens a parameter
    assert said[0].endswith("e.g. --column n_tokens='tokens*1e9'")


def test_compute_in_another_unit_gives_less_than_one_token_and_is_refused():
    assert refused({"params": N, "PFLOP": 6 * N * D / 1e15, "loss": LOSS},
                   named={"compute": "PFLOP"}) == (
        "n_tokens = column 'PFLOP' / (6 column 'params') is below 1: rows 1, 2, 3, 4, 5, 6, 7, 8 "
        "and 1 more; compute is wanted in FLOP, for PFLOP add --column compute='PFLOP*1e15' "
        "(50 tokens a parameter)",
    )  # fmt: skip


def test_numbers_that_may_be_millions_are_fitted_with_a_warning_that_comes_first():
    millions = np.round(N / 1e6)
    result = fit_law({"N": millions, "n_tokens": D, "loss": LOSS}, draws=9)
    assert result.warnings[0] == (
        "n_params goes from 20 to 2000: if these are millions of parameters, add "
        "--column n_params='N*1e6'"
    )
    assert data({"n_params": N, "n_tokens": D, "loss": LOSS}).warnings == ()


def test_an_unlikely_number_of_tokens_for_each_parameter_is_warned_about():
    found = data({"params": N, "tokens": np.round(D / 1e6), "loss": LOSS})
    assert found.warnings == (
        "5e-05 tokens per parameter in median: look at the units of 'params' and 'tokens'",
    )


def test_a_letter_in_lower_case_is_taken_only_where_nothing_else_gives_the_quantity():
    width = np.geomspace(128, 1024, len(N)).round()
    found = data({"N": N, "C": 6 * N * D, "d": width, "loss": LOSS})
    np.testing.assert_allclose(np.exp(found.log_x["n_tokens"]), D)
    assert "n_tokens = compute / (6 n_params)" in found.notes
    found = data({"n": N, "d": D, "loss": LOSS})
    np.testing.assert_allclose(np.exp(found.log_x["n_tokens"]), D)
    assert found.notes == (
        "n_params: column 'n', for want of another",
        "n_tokens: column 'd', for want of another",
    )
    found = data({"n": N, "c": 6 * N * D, "loss": LOSS})
    np.testing.assert_allclose(np.exp(found.log_x["n_tokens"]), D)


def test_layers_and_sizes_on_disk_are_not_taken_for_losses_and_parameters():
    said = refused({"size": N, "tokens": D, "l": LOSS})
    assert [text.split(";")[0].split(" (")[0] for text in said] == [
        "no column for n_params was recognised",
        "no column for loss was recognised",
    ]


def test_an_evaluation_goes_before_training_loss_and_the_note_names_both():
    columns = {"params": N, "tokens": D, "train/loss": LOSS + 1, "val/loss": LOSS}
    found = data(columns)
    np.testing.assert_allclose(np.exp(found.log_loss), LOSS)
    assert found.notes[-1] == "loss: column 'val/loss' (not 'train/loss')"
    found = data({"params": N, "tokens": D, "eval.loss": LOSS})
    np.testing.assert_allclose(np.exp(found.log_loss), LOSS)


def test_kaplans_laws_take_parameters_without_embeddings_and_say_what_they_took():
    columns = {"n_params": N, "n_params_non_embedding": 0.7 * N, "n_tokens": D, "loss": LOSS}
    found = data(columns, "kaplan_nd")
    np.testing.assert_allclose(np.exp(found.log_x["n_params"]), 0.7 * N)
    assert found.notes == (
        "n_params: column 'n_params_non_embedding' (not 'n_params'), as Kaplan et al. count",
    )
    np.testing.assert_allclose(np.exp(data(columns).log_x["n_params"]), N)
    del columns["n_params_non_embedding"]
    assert data(columns, "kaplan_nd").notes == (
        "n_params: column 'n_params'; Kaplan et al. count without embeddings",
    )


def test_flop_are_divided_into_pf_days_for_kaplans_laws_of_compute():
    flop = 6 * N * D
    for law, name in (("kaplan_c", "compute_pf_days"), ("kaplan_c_min", "compute_min_pf_days")):
        found = data({"flops": flop, "loss": LOSS}, law)
        np.testing.assert_allclose(np.exp(found.log_x[name]), flop / PF_DAY)
        assert any(note.startswith(f"{name} = compute / 8.64e19 FLOP") for note in found.notes)
        found = data({name: flop / PF_DAY, "flops": flop * 7, "loss": LOSS}, law)
        np.testing.assert_allclose(np.exp(found.log_x[name]), flop / PF_DAY)


def test_flop_that_are_called_pf_days_are_refused_with_the_factor():
    columns = {"flops": 6 * N * D, "loss": LOSS}
    (said,) = refused(columns, "kaplan_c", {"compute_pf_days": "flops"})
    assert said == (
        "column 'flops' goes to 1.2e+21 PF-days; in FLOP? Divide: "
        '--column "compute_pf_days=flops*1.1574e-20"'
    )
    found = data(columns, "kaplan_c", {"compute_pf_days": "flops*1.1574e-20"})
    np.testing.assert_allclose(
        np.exp(found.log_x["compute_pf_days"]), columns["flops"] / PF_DAY, rtol=1e-4
    )


def test_pf_days_that_are_called_compute_are_warned_about():
    found = data({"compute": 6 * N * D / PF_DAY, "loss": LOSS}, "kaplan_c")
    assert found.warnings[0].endswith(
        'if these are PF-days, add --column "compute_pf_days=compute"'
    )


def test_a_factor_must_be_a_positive_number():
    columns = {"params": N, "tokens": D, "loss": LOSS}
    for factor in ("abc", "0", "-1", "nan", "inf"):
        assert refused(columns, named={"n_params": f"params*{factor}"}) == (
            f"n_params: {factor!r} in 'params*{factor}' is no positive number",
        )


def test_runs_without_a_loss_are_read_with_the_same_units():
    points, notes = read_points({"N (M)": N / 1e6, "flops": 6 * N * D})
    np.testing.assert_allclose(points["n_params"], N)
    np.testing.assert_allclose(points["n_tokens"], D)
    assert "n_params: column 'N (M)', times 1e6" in notes

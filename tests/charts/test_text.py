"""Numbers as people read them: short, with the digits that they support, and few on an axis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloss.charts.text import sentences, short, superscripts, with_interval
from isoloss.charts.ticks import log_ticks


@given(st.floats(-12, 20), st.floats(0.05, 18))
def test_ticks_of_a_log_axis_are_few_ordered_and_inside(start, decades):
    low, high = 10.0**start, 10.0 ** (start + decades)
    values, labels = log_ticks(low, high)
    assert 2 <= len(values) <= 7 and len(set(labels)) == len(labels) == len(values)
    assert values == sorted(values)
    assert low * 0.999 <= values[0] and values[-1] <= high * 1.001
    assert len(values) >= 3


@pytest.mark.parametrize(
    ("low", "high", "powers", "labels"),
    [
        (1.0, 2000.0, False, ["1", "10", "100", "1k"]),
        (2e5, 2.2e6, False, ["200k", "500k", "1M", "2M"]),
        (2e10, 9e10, True, ["2×10¹⁰", "4×10¹⁰", "6×10¹⁰", "8×10¹⁰"]),
        (1.7, 6.5, False, ["2", "3", "4", "5", "6"]),
        (400.0, 6e3, False, ["500", "1k", "2k", "5k"]),
        (1e-7, 1e-1, False, ["10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]),
    ],
)
def test_ticks_have_one_notation_and_are_at_least_three(low, high, powers, labels):
    assert log_ticks(low, high, powers=powers)[1] == labels


def test_an_axis_of_more_than_a_decade_has_powers_of_ten_however_little_room_there_is():
    assert log_ticks(2e-11, 4e-10, most=2, powers=True)[1] == ["10⁻¹⁰"]
    assert log_ticks(7e-12, 1.2e-10, most=2, powers=True)[1] == ["10⁻¹¹", "10⁻¹⁰"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02, "0.02"), (512, "512"), (4353, "4353"), (16897, "16.9k"), (1.5e6, "1.5M"),
     (1.75e11, "175B"), (1.4e12, "1.4T"), (3e23, "3×10²³"), (1e-7, "10⁻⁷"), (2.5e-5, "2.5×10⁻⁵"),
     (9.99e5, "999k"), (0, "0"), (-2e-5, "−2×10⁻⁵")],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert short(value) == text


def test_powers_of_labels_are_raised():
    assert superscripts("N^-4, d^2.5, x^a, y^2") == "N⁻⁴, d^2.5, x^a, y²"


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ((0.34781, 0.317, 0.3729), ("0.348", "0.317 to 0.373")),
        ((1.8172, 1.769, 1.871), ("1.817", "1.769 to 1.871")),
        ((482.01, 285.0, 744.0), ("480", "280 to 740")),
        ((12345.6, 12300.0, 12400.0), ("12,346", "12,300 to 12,400")),
        ((4.683e9, 3.9e9, 5.2e9), ("4.68×10⁹", "3.90×10⁹ to 5.20×10⁹")),
        ((3.1e-6, 2.9e-6, 3.3e-6), ("3.10×10⁻⁶", "2.90×10⁻⁶ to 3.30×10⁻⁶")),
        ((-0.5, -0.61, -0.39), ("−0.50", "−0.61 to −0.39")),
        ((0.5, None, None), ("0.500", "")),
        ((float("nan"), None, None), ("–", "")),
        ((0.0, 0.0, 0.0), ("0", "0 to 0")),
        ((1e10, 177161.0, 7.5e11), ("10¹⁰", "180,000 to 7.5×10¹¹")),
        ((4e8, 235890.0, 2.4e8), ("4.0×10⁸", "240,000 to 2.4×10⁸")),
    ],
)
def test_a_value_has_the_digits_that_its_interval_supports(numbers, texts):
    assert with_interval(*numbers) == texts


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("", ""),
        ("one fact", "One fact."),
        ("row 3 is an outlier; the fit covers 0.9 decades.",
         "Row 3 is an outlier. The fit covers 0.9 decades."),
        ("alpha = 0.1 is at its bound; k may be anything",
         "alpha = 0.1 is at its bound. k may be anything."),
        ("lack of fit (p = 0.01; 3 rows); B_crit(L) is known",
         "Lack of fit (p = 0.01; 3 rows). B_crit(L) is known."),
        ("n_runs is 3; 5 % are left out", "n_runs is 3. 5 % are left out."),
    ],
)  # fmt: skip
def test_a_message_of_several_parts_is_one_sentence_a_part(message, said):
    assert sentences(message) == said

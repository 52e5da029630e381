"""Random numbers and elementary functions: their truth, and that their bits are fixed."""

import hashlib
import math

import numpy as np
import pytest
from scipy import special, stats

from isoloss import elementary
from isoloss.tasks.streams import Stream, derived_seed

N = 200_000


def digest(values):
    return hashlib.sha256(values.tobytes()).hexdigest()[:12]


def test_streams_of_different_purposes_differ_and_are_fixed():
    assert derived_seed(0, "data", 64) == 17390827179183471745
    values = {derived_seed(s, p) for s in range(3) for p in ("data", "init", "batches")}
    assert len(values) == 9


def test_philox_gives_the_integers_of_its_authors():
    """The first row of kat_vectors of Random123 for philox4x64-10: counter 0, key 0."""
    expected = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    source = np.random.Philox(key=0, counter=np.array([2**64 - 1] * 4, np.uint64))
    assert source.random_raw(4).tolist() == expected


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda stream: stream.normal(N), stats.norm()),
        (lambda stream: stream.uniform(N), stats.uniform()),
        (lambda stream: (stream.integers(10**6, N) + 0.5) / 10**6, stats.uniform()),
    ],
    ids=["normal", "uniform", "integers"],
)
def test_numbers_have_the_distribution_of_their_name(draw, truth):
    values = draw(Stream(5, "test"))
    assert stats.kstest(values, truth.cdf).pvalue > 0.01
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / math.sqrt(N)
    assert stats.kurtosis(values) == pytest.approx(float(truth.stats("k")), abs=0.05)


def test_every_integer_below_a_bound_is_as_likely():
    counts = np.bincount(Stream(1).integers(7, 70_000), minlength=7)
    assert stats.chisquare(counts).pvalue > 0.01


def test_a_permutation_has_every_number_once_and_each_order_is_as_likely():
    assert np.array_equal(np.sort(Stream(2).permutation(1000)), np.arange(1000))
    orders = [tuple(Stream(3, i).permutation(3)) for i in range(3000)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.01


def test_bits_are_those_of_every_machine():
    """Written down once; the numbers of a run follow from them."""
    stream = Stream(0, "golden")
    assert digest(stream.uniform(1000)) == "c7b23e338ff1"
    assert digest(stream.normal(100, 1000)) == "8ad7269630cb"
    assert digest(stream.integers(26, 1000)) == "f058c588c037"
    assert digest(stream.permutation(1000)) == "c2e9d5cf18a0"
    x = np.linspace(-30, 30, 100_001)
    functions = elementary.sin, elementary.cos, elementary.tanh, elementary.exp
    assert digest(np.concatenate([f(x) for f in functions])) == "670387c23b16"
    assert digest(elementary.log(np.geomspace(1e-300, 1e300, 100_001))) == "529290260edb"


@pytest.mark.parametrize(
    ("ours", "theirs", "x"),
    [
        (elementary.sin, np.sin, np.linspace(-10, 10, 100_001)),
        (elementary.cos, np.cos, np.linspace(-10, 10, 100_001)),
        (elementary.sin, np.sin, np.linspace(-1e5, 1e5, 100_001)),
        (elementary.tanh, np.tanh, np.linspace(-25, 25, 100_001)),
    ],
)
def test_functions_are_right_to_1e_15(ours, theirs, x):
    assert np.abs(ours(x) - theirs(x)).max() < 1e-15


def test_exp_log_and_the_normal_quantile_are_right_to_2e_15_of_their_value():
    x = np.linspace(-700, 700, 100_001)
    np.testing.assert_allclose(elementary.exp(x), np.exp(x), rtol=1e-15)
    x = np.geomspace(1e-300, 1e300, 100_001)
    np.testing.assert_allclose(elementary.log(x), np.log(x), rtol=1e-15, atol=1e-16)
    p = np.concatenate([np.geomspace(1e-16, 0.5, 50_000), 1 - np.geomspace(1e-9, 0.5, 50_000)])
    quantiles = elementary.normal_quantile(p)
    np.testing.assert_allclose(quantiles, special.ndtri(p), rtol=2e-15, atol=2e-15)


@pytest.mark.parametrize(("base", "exponent"), [(3.0, -1.0), (16.0, 0.5), (2.3, -0.75)])
def test_powers_of_numbers(base, exponent):
    assert elementary.power(base, exponent) == pytest.approx(base**exponent, rel=1e-15)

"""Which text is held out: decided by names, stable, never a cut through a character."""

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloss.corpus.split import cut_position, heldout_names, in_order, place, whole_character

NAMES = st.sets(st.text(min_size=1, max_size=8), min_size=2, max_size=40)
SHARES = st.floats(0.01, 0.99)
MANY = [f"file-{number}" for number in range(20_000)]


def test_a_place_is_the_start_of_the_names_sha256_as_a_fraction():
    assert place("a.txt") == int(hashlib.sha256(b"a.txt").hexdigest()[:16], 16) / 16**16


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_about_the_wanted_share_of_many_files_is_held_out(share):
    """Binomial: five standard deviations."""
    spread = 5 * (share * (1 - share) / len(MANY)) ** 0.5
    assert len(heldout_names(MANY, share)) / len(MANY) == pytest.approx(share, abs=spread)


@given(NAMES, SHARES)
def test_both_parts_have_a_file(names, share):
    held = heldout_names(names, share)
    assert held < names
    assert held


def test_a_file_keeps_its_side_when_others_come_and_go():
    some, more = MANY[:500], MANY
    assert heldout_names(some, 0.1) == heldout_names(more, 0.1) & set(some)


def test_a_larger_share_holds_out_the_same_files_and_more():
    assert heldout_names(MANY, 0.1) < heldout_names(MANY, 0.2)


@given(NAMES)
def test_the_order_does_not_depend_on_how_the_names_came(names):
    assert in_order(names) == in_order(sorted(names)) == sorted(names, key=place)


def test_a_cut_of_a_hundred_million_bytes_is_where_the_literature_has_it():
    """text8 and enwik8: 90 million bytes to train on."""
    assert cut_position(100_000_000, 0.1) == 90_000_000


@given(st.text(min_size=1), st.data())
def test_no_cut_falls_inside_a_character(text, data):
    characters = [character.encode("utf-8", "replace") for character in text]
    content = b"".join(characters)
    boundaries = [0, *itertools.accumulate(map(len, characters))]
    cut = data.draw(st.integers(0, len(content) - 1))
    back = whole_character(content[max(cut - 3, 0) : cut + 1])
    assert cut - back == max(boundary for boundary in boundaries if boundary <= cut)


def test_a_cut_in_bytes_that_are_no_text_stays():
    assert whole_character(b"\x80\x80\x80\x80") == 0
    assert whole_character(b"ab\x80\x80") == 0

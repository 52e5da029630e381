"""Tokenizers: lossless, learned from training text alone, the same every time."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoloss.corpus import tokens
from isoloss.corpus.format import TokenizerSpec
from isoloss.corpus.tokens import (
    BpeTokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    learn_tokenizer,
    read_tokenizer,
    utf8_problem,
)
from isoloss.errors import UserError

PROSE = (
    "It was the best of times, it was the worst of times, it was the age of wisdom,\n"
    "it was the age of foolishness ... “naïve” 日本 🙂\n"
).encode() * 20


@pytest.fixture(scope="module")
def bpe():
    return BpeTokenizer.learn(PROSE, 300)


@given(st.binary())
def test_bytes_are_their_own_ids(text):
    ids = ByteTokenizer().encode(text)
    assert ids.dtype == np.uint8
    assert ids.tolist() == list(text)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_characters_come_back_from_their_ids(text):
    tokenizer = CharacterTokenizer.learn(text.encode())
    ids = tokenizer.encode(text.encode())
    assert tokenizer.decode(ids) == text
    assert len(ids) == len(text)
    assert tokenizer.vocab_size == len(set(text)) + 1
    assert tokenizer.unknown_id not in ids


def test_a_character_that_training_never_showed_is_unknown():
    tokenizer = CharacterTokenizer.learn(b"abba")
    assert tokenizer.encode("abcä🙂a".encode()).tolist() == [0, 1, 2, 2, 2, 0]
    assert tokenizer.decode([0, 1, 2]) == "ab\ufffd"


def test_characters_are_numbered_in_code_point_order():
    assert CharacterTokenizer(map(ord, "zäa🙂")).decode(range(4)) == "azä🙂"


def test_characters_are_not_torn_where_a_long_text_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr(tokens, "CHUNK_BYTES", 3)
    text = "añ日🙂" * 50
    tokenizer = CharacterTokenizer.learn(text.encode())
    assert tokenizer.decode(tokenizer.encode(text.encode())) == text


def test_more_characters_than_ids_are_refused():
    text = "".join(chr(point) for point in range(0x10000, 0x10000 + 65_536)).encode()
    with pytest.raises(UserError) as caught:
        CharacterTokenizer.learn(text)
    assert caught.value.problems == ("chars: 65,536 different characters, at most 65,535",)


@settings(max_examples=50, deadline=None)
@given(text=st.text(st.characters(codec="utf-8")))
def test_bpe_loses_nothing_of_any_text(bpe, text):
    assert bpe.decode(bpe.encode(text.encode())) == text


def test_bpe_has_the_wanted_vocabulary_and_shortens_text(bpe):
    assert bpe.vocab_size == 300
    ids = bpe.encode(PROSE)
    assert ids.dtype == np.uint16
    assert ids.max() < 300
    assert len(ids) < len(PROSE) / 2


def test_the_first_merge_of_bpe_is_the_most_frequent_pair():
    """Sennrich et al. 2016, Algorithm 1. 'ab' occurs most; then 'abc'."""
    tokenizer = BpeTokenizer.learn(b"abc abc abd xyz\n" * 3, 258)
    assert [tokenizer.decode([i]) for i in (256, 257)] == ["ab", " ab"]


def test_bpe_is_the_same_in_every_process(bpe):
    script = (
        "import sys; from isoloss.corpus.tokens import BpeTokenizer;"
        "sys.stdout.write(BpeTokenizer.learn(sys.stdin.buffer.read(), 300).text())"
    )
    for parallel in ("true", "false"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=PROSE,
            capture_output=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path), "TOKENIZERS_PARALLELISM": parallel},
        )
        assert done.stdout.decode() == bpe.text()


def test_bpe_says_when_the_text_is_too_short_for_its_vocabulary():
    with pytest.raises(UserError) as caught:
        BpeTokenizer.learn(b"abab", 5000)
    problem = "vocab_size: 5000 asked for, but the training part gives only 258 tokens"
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    "spec",
    [TokenizerSpec(), TokenizerSpec(kind="chars"), TokenizerSpec(kind="bpe", vocab_size=300)],
    ids=lambda spec: spec.label,
)
def test_a_tokenizer_comes_back_from_its_file(tmp_path, spec):
    tokenizer = learn_tokenizer(spec, PROSE)
    path = tmp_path / "tokenizer.json"
    if text := tokenizer.text():
        path.write_text(text)
    again = read_tokenizer(spec.kind, path)
    assert again.vocab_size == tokenizer.vocab_size
    assert np.array_equal(again.encode(PROSE), tokenizer.encode(PROSE))
    assert again.decode(again.encode(PROSE)) == PROSE.decode()


def test_the_file_of_a_bpe_cuts_no_text_and_fills_none_up(bpe):
    """transformers writes a limit and padding into such files, and tokenizers obeys them."""
    tokenizers = pytest.importorskip("tokenizers")
    read = tokenizers.Tokenizer.from_str(bpe.text())
    assert (read.truncation, read.padding) == (None, None)
    counts = {n: len(read.encode("loss falls " * n).ids) for n in (1, 1000)}
    assert counts[1000] == pytest.approx(1000 * counts[1], rel=0.2)


def test_text_that_is_not_utf8_is_named_with_its_offset():
    assert utf8_problem("a.txt", "fine: ä".encode()) is None
    assert utf8_problem("a.txt", b"x" * 1234 + b"\xe4\xf6") == (
        "a.txt: not UTF-8: byte 0xe4 at offset 1,234 (invalid continuation byte);"
        " the bytes tokenizer takes any file"
    )

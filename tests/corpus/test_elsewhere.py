"""Other texts of a corpus: in its tokens, outside its identity where there are none."""

import numpy as np
import pytest

from isoloss.corpus.fingerprint import resolve
from isoloss.corpus.load import load
from isoloss.corpus.prepare import prepare
from isoloss.errors import UserError

ALONE = {"kind": "files", "paths": ["own/*.txt"]}
BOOK = {"kind": "files", "paths": ["book.txt"], "heldout_share": 0.5}
GONE = {"kind": "files", "paths": ["nowhere/*.txt"]}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "own").mkdir()
    for i in range(9):
        (tmp_path / "own" / f"{i}.txt").write_text(f"abc {i} cab\n" * 30)
    (tmp_path / "book.txt").write_text("cab é" * 20 + "bac!?" * 24)
    return tmp_path


def test_another_text_is_encoded_by_the_tokenizer_of_the_corpus(root):
    """Characters that the corpus does not have become its unknown token, and the share holds."""
    spec = ALONE | {"tokenizer": {"kind": "chars"}, "elsewhere": {"book": BOOK}}
    prepare(spec, root, root / "out")
    corpus = load(root / "out", verify=True)
    assert corpus.text(corpus.elsewhere["book"]) == "bac\ufffd\ufffd" * 24
    assert corpus.card["elsewhere"]["book"]["tokens"] == corpus.card["elsewhere"]["book"]["bytes"]


def test_a_corpus_keeps_its_tokens_and_one_without_other_texts_its_identity(root):
    alone, with_book = (resolve(spec, root) for spec in (ALONE, ALONE | {"elsewhere": {"b": BOOK}}))
    assert "elsewhere" not in alone.identity
    assert alone.corpus_id != with_book.corpus_id
    prepare(ALONE, root, root / "a")
    prepare(ALONE | {"elsewhere": {"b": BOOK}}, root, root / "b")
    for name in ("train.npy", "heldout.npy"):
        assert (root / "a" / name).read_bytes() == (root / "b" / name).read_bytes()
    assert "elsewhere" not in load(root / "a").card
    assert not (root / "a" / "elsewhere.npy").exists()


def test_a_text_that_is_missing_is_left_out_and_said(root):
    spec = ALONE | {"elsewhere": {"book": BOOK, "gone": GONE}}
    prepare(spec, root, root / "out")
    corpus = load(root / "out", verify=True)
    assert list(corpus.elsewhere) == ["book"]
    assert "no file matches 'nowhere/*.txt'" in corpus.card["elsewhere_missing"]["gone"]
    assert resolve(spec, root).identity["elsewhere"]["gone"] is None


def test_several_texts_are_not_mixed_up(root):
    own = {"kind": "files", "paths": ["own/3.txt"], "heldout_share": 0.5}
    prepare(ALONE | {"elsewhere": {"z": own, "a": BOOK}}, root, root / "out")
    corpus = load(root / "out", verify=True)
    text = (root / "own" / "3.txt").read_bytes()
    assert bytes(corpus.elsewhere["z"]) == text[-len(text) // 2 :]
    assert (root / "book.txt").read_bytes().endswith(bytes(corpus.elsewhere["a"]))


def test_damage_is_noticed(root):
    prepare(ALONE | {"elsewhere": {"book": BOOK}}, root, root / "out")
    ids = np.load(root / "out" / "elsewhere.npy")
    np.save(root / "out" / "elsewhere.npy", ids[::-1])
    with pytest.raises(UserError, match=r"elsewhere\.npy is damaged"):
        load(root / "out", verify=True)


@pytest.mark.parametrize(("given", "said"), [
    ({"kind": "fils"}, "elsewhere.x.kind: must be one of"),
    (BOOK | {"tokenizer": {"kind": "bytes"}}, "elsewhere.x.tokenizer: another text has none"),
    (BOOK | {"pathss": 1}, "elsewhere.x.pathss: unknown key"),
])  # fmt: skip
def test_a_mistake_is_refused_with_its_key(root, given, said):
    with pytest.raises(UserError) as error:
        resolve(ALONE | {"elsewhere": {"x": given}}, root)
    assert said in str(error.value)

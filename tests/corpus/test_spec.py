"""A corpus's settings: every mistake is named, all at once, before anything is read."""

import hashlib
from pathlib import Path
from typing import Literal

import pytest
import yaml

from isoloss.corpus.fingerprint import resolve
from isoloss.corpus.format import TokenizerSpec
from isoloss.corpus.prepare import prepare
from isoloss.corpus.registry import Entry, registered, registered_names
from isoloss.corpus.sources import SOURCES, Source
from isoloss.corpus.sources.base import Content
from isoloss.corpus.spec import kinds, read_spec
from isoloss.errors import UserError

ROOT = Path(__file__).parent.parent.parent
SHA256 = "a" * 64


def problems(given, root=ROOT):
    with pytest.raises(UserError) as caught:
        read_spec(given, root, where="study: corpus")
    assert caught.value.where == "study: corpus"
    return list(caught.value.problems)


def test_a_kind_is_enough_for_the_standard_library():
    found = read_spec({"kind": "stdlib"}, ROOT)
    assert (found.kind, found.tokenizer, found.heldout_share) == ("stdlib", TokenizerSpec(), 0.1)
    assert found.tokenizer.kind == "bytes"


def test_a_share_with_an_exponent_is_a_number_though_yaml_says_text():
    assert read_spec({"kind": "stdlib", "heldout_share": "2e-1"}, ROOT).heldout_share == 0.2


def test_a_key_without_a_value_counts_as_absent():
    given = {"kind": "stdlib", "paths": None, "tokenizer": {"kind": "bytes", "vocab_size": None}}
    assert read_spec(given, ROOT) == read_spec({"kind": "stdlib"}, ROOT)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "kind: must be one of stdlib, files, url, package, registered; missing"),
        (
            {"kind": "file"},
            "kind: must be one of stdlib, files, url, package, registered; got 'file';"
            " did you mean 'files'?",
        ),
        (
            {"kind": "stdlib", "heldout_shar": 0.2},
            "heldout_shar: unknown key; did you mean 'heldout_share'?",
        ),
        (
            {"kind": "stdlib", "paths": ["a"]},
            "paths: unknown key; allowed are elsewhere, heldout_share, kind, max_bytes, tokenizer",
        ),
        ({"kind": "files"}, "paths: missing"),
        ({"kind": "files", "paths": []}, "paths: must be a list of at least one text, got []"),
        ({"kind": "files", "paths": "a"}, "paths: must be a list of at least one text, got 'a'"),
        (
            {"kind": "files", "paths": ["a"], "name": "../a"},
            "name: must be 1 to 64 letters, digits, dots, dashes or underscores, starting with a"
            " letter or a digit, got '../a'",
        ),
        (
            {"kind": "stdlib", "heldout_share": 1},
            "heldout_share: input should be less than 1, got 1",
        ),
        (
            {"kind": "stdlib", "heldout_share": True},
            "heldout_share: input should be a valid number, got True",
        ),
        (
            {"kind": "stdlib", "max_bytes": 0.5},
            "max_bytes: input should be a valid integer, got 0.5",
        ),
        (
            {"kind": "url", "url": "file:///a", "sha256": SHA256},
            "url: must be an http or https address, got 'file:///a'",
        ),
        ({"kind": "url", "url": "https://a.org/x"}, "sha256: missing"),
        (
            {"kind": "url", "url": "https://a.org/x", "sha256": "abc"},
            "sha256: must be the 64 hexadecimal digits that `sha256sum` prints, got 'abc'",
        ),
        (
            {"kind": "url", "url": "https://a.org/x", "members_sha256": SHA256},
            "members_sha256: needs members, the files that it is the checksum of",
        ),
        (
            {"kind": "url", "url": "https://a.org/x", "sha256": SHA256, "members_sha256": SHA256},
            "sha256: give it or members_sha256, not both",
        ),
        (
            {"kind": "stdlib", "tokenizer": "bytes"},
            "tokenizer: must hold keys and values, got 'bytes'",
        ),
        (
            {"kind": "stdlib", "tokenizer": {"kind": "byte"}},
            "tokenizer.kind: got 'byte', allowed are bytes, chars, bpe; did you mean 'bytes'?",
        ),
        (
            {"kind": "stdlib", "tokenizer": {"kind": "bpe"}},
            "tokenizer.vocab_size: must be 257 to 65536 for BPE, missing",
        ),
        (
            {"kind": "stdlib", "tokenizer": {"kind": "bpe", "vocab_size": 256}},
            "tokenizer.vocab_size: must be 257 to 65536 for BPE, got 256",
        ),
        (
            {"kind": "stdlib", "tokenizer": {"kind": "chars", "vocab_size": 300}},
            "tokenizer.vocab_size: only BPE has one to choose; chars was asked for",
        ),
        (
            {"kind": "stdlib", "tokenizer": {"kind": "bytes", "vocabsize": 3}},
            "tokenizer.vocabsize: unknown key; did you mean 'vocab_size'?",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key_and_what_is_allowed(given, expected):
    assert problems(given) == [expected]


def test_all_mistakes_are_named_at_once():
    given = {"kind": "files", "path": ["a"], "heldout_share": 2, "tokenizer": {"kind": "x"}}
    assert {problem.split(":")[0] for problem in problems(given)} == {
        "path",
        "paths",
        "heldout_share",
        "tokenizer.kind",
    }


def test_every_registered_corpus_is_well_formed_and_says_where_it_is_from():
    assert registered_names(ROOT) == sorted(
        yaml.safe_load((ROOT / "config/corpora.yaml").read_text())
    )
    for name in registered_names(ROOT):
        entry = registered(name, ROOT)
        assert entry.title and entry.licence and entry.source.startswith("https://"), name


def test_a_registered_corpus_stands_for_its_entry():
    spec = read_spec({"kind": "registered", "name": "text8"}, ROOT)
    assert (spec.kind, spec.members, spec.text_bytes) == ("url", ["text8"], 100_000_000)
    assert read_spec({"kind": "registered", "name": "stdlib"}, ROOT).kind == "stdlib"


def test_an_unregistered_name_gets_the_nearest_one():
    known = ", ".join(registered_names(ROOT))
    assert problems({"kind": "registered", "name": "texte8"}) == [
        f"name: 'texte8' is not registered in {ROOT / 'config' / 'corpora.yaml'} (there: {known});"
        " did you mean 'text8'?"
    ]


def test_a_registered_corpus_without_a_checksum_says_how_to_add_one(tmp_path):
    (tmp_path / "config").mkdir()
    entry = "mine: {title: t, licence: l, source: s, url: 'http://a.org/x', sha256: null}"
    (tmp_path / "config" / "corpora.yaml").write_text(entry)
    with pytest.raises(UserError) as caught:
        read_spec({"kind": "registered", "name": "mine"}, tmp_path)
    assert list(caught.value.problems) == [
        "name: mine is registered in config/corpora.yaml without a SHA-256, so nobody can"
        " say whether a download is the right one; download http://a.org/x yourself, look at it,"
        " write what `sha256sum` prints for it into that entry, and try again"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 2]", "must hold keys and values, got list"),
        ("mine: 3", "must be a mapping, got 3"),
        (
            "mine: {title: t, licence: l, sorce: s, source: s, url: 'http://a.org', sha256: null}",
            "sorce: unknown key; did you mean 'source'?",
        ),
        ("mine: {title: t, licence: l, source: s, url: 'http://a.org'}", "sha256: missing"),
        ("mine: {title: t, licence: l, source: s, kind: files}", "paths: missing"),
        (
            "mine: {title: t, licence: l, source: s, kind: stdlib, members: a}",
            "members: unknown key; allowed are",
        ),
        (
            "mine: {title: t, licence: l, source: s, url: 'http://a.org', sha256: null,"
            " members: a}",
            "members: must be a list of at least one text, got 'a'",
        ),
        (
            "mine: {title: t, licence: l, source: s, url: 'http://a.org', sha256: null, text_bytes:"
            " 1e8}",
            "text_bytes: input should be a valid integer, got 100000000.0",
        ),
    ],
)
def test_a_mistake_in_the_registry_is_named(tmp_path, text, expected):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "corpora.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        registered("mine", tmp_path)
    assert caught.value.where.startswith(str(tmp_path / "config" / "corpora.yaml"))
    (problem,) = caught.value.problems
    assert problem.startswith(expected)


def test_a_missing_registry_is_named(tmp_path):
    with pytest.raises(UserError, match=r"could not be read: .*No such file or directory"):
        registered("text8", tmp_path)


def test_every_setting_is_explained():
    text = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
    settings = {"tokenizer.kind", "tokenizer.vocab_size"}
    settings |= {key for kind in kinds().values() for key in kind.model_fields} - {"tokenizer"}
    assert [key for key in settings if f"| `{key}` |" not in text] == []
    assert [key for key in Entry.model_fields if f"`{key}`" not in text] == []


def test_an_entry_says_what_a_study_leaves_out_and_the_study_prevails(tmp_path):
    (tmp_path / "config").mkdir()
    entry = {"title": "t", "licence": "l", "source": "s", "kind": "stdlib", "heldout_share": 0.3}
    (tmp_path / "config" / "corpora.yaml").write_text(yaml.safe_dump({"mine": entry}))
    named = {"kind": "registered", "name": "mine"}
    assert read_spec(named, tmp_path).heldout_share == 0.3
    assert read_spec(named | {"heldout_share": 0.2}, tmp_path).heldout_share == 0.2


class Shout(Source):
    """A kind of source that is no part of the package."""

    kind: Literal["shout"]
    word: str

    def content(self, root, where):
        text = f"{self.word}!\n" * 100
        sizes = len(text) - 100, 100
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Content(sha256=digest, n_train_bytes=sizes[0], n_heldout_bytes=sizes[1])

    def documents(self, files, downloads):
        return [("shout", f"{self.word}!\n".encode() * 100)]

    def readable_name(self, files):
        return f"shout-{self.word}"


def test_a_new_kind_of_source_is_one_class_and_a_line(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "shout", Shout)
    given = {"kind": "shout", "word": "hello", "heldout_share": 0.2}
    found = resolve(given, tmp_path)
    assert found.corpus_id.startswith("shout-hello-")
    assert prepare(given, tmp_path, tmp_path / "out")["train_bytes"] == 560
    assert problems({"kind": "shout", "wrod": "x"}) == [
        "word: missing",
        "wrod: unknown key; did you mean 'word'?",
    ]

"""The corpus job: tokens that are the text, a card that is true, and nothing half-written."""

import hashlib
import http.server
import json
import lzma
import math
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloss.corpus.fingerprint import resolve
from isoloss.corpus.load import load
from isoloss.corpus.prepare import prepare, unigram_nats
from isoloss.corpus.split import in_order
from isoloss.errors import UserError
from isoloss.files import write_json

ROOT = Path(__file__).parent.parent.parent
BOOKS = ROOT.parent / "shared" / "corpora" / "books-valid.txt.xz"
TOKENIZERS = [{"kind": "bytes"}, {"kind": "chars"}, {"kind": "bpe", "vocab_size": 260}]


@pytest.fixture
def root(tmp_path):
    """Thirty texts in a folder, and one beside it."""
    (tmp_path / "texts").mkdir()
    for number in range(30):
        text = f"Text {number} says: naïve – and “{number * 7919}”.\n" * 9
        (tmp_path / "texts" / f"{number}.txt").write_text(text)
    (tmp_path / "one.txt").write_bytes("añ日🙂\n".encode() * 1000)  # 11 bytes a line
    return tmp_path


def of_files(*paths, **settings):
    return {"kind": "files", "paths": list(paths), **settings}


def message(function, *arguments, **settings):
    with pytest.raises(UserError) as caught:
        function(*arguments, **settings)
    return str(caught.value)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_with_bytes_the_two_parts_are_the_files_joined_by_line_ends(root):
    prepare(of_files("texts/*.txt"), root, root / "out")
    corpus = load(root / "out", verify=True)
    rows = [line.split("\t") for line in (root / "out/documents.tsv").read_text().splitlines()[1:]]
    assert [name for *_, name in rows] == in_order(f"texts/{n}.txt" for n in range(30))
    for part, tokens in (("train", corpus.train), ("heldout", corpus.heldout)):
        texts = [(root / name).read_bytes() for _, _, its_part, name in rows if its_part == part]
        assert tokens.tobytes() == b"\n".join(texts)
    for digest, size, _, name in rows:
        content = (root / name).read_bytes()
        assert (digest, int(size)) == (hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda spec: spec["kind"])
def test_no_tokenizer_loses_anything(root, tokenizer):
    """A single file: its training part and then its held-out part are the file."""
    prepare(of_files("one.txt", tokenizer=tokenizer), root, root / "out")
    corpus = load(root / "out", verify=True)
    text = (root / "one.txt").read_text()
    assert corpus.text(corpus.train) + corpus.text(corpus.heldout) == text
    assert max(corpus.train.max(), corpus.heldout.max()) < corpus.vocab_size


@pytest.mark.parametrize("paths", ["one.txt", "texts/*.txt"])
@pytest.mark.parametrize("share", [0.1, 0.2503, 0.5])
def test_the_sizes_that_the_plan_was_told_are_those_of_the_text(root, paths, share):
    spec = of_files(paths, heldout_share=share)
    told = resolve(spec, root)
    card = prepare(spec, root, root / "out")
    assert (told.n_train_bytes, told.n_heldout_bytes) == (
        card["train_bytes"],
        card["heldout_bytes"],
    )
    assert (told.max_train_tokens, told.max_heldout_tokens) == (
        card["train_tokens"],
        card["heldout_tokens"],
    )


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda spec: spec["kind"])
def test_the_same_text_gives_the_same_bytes(root, tokenizer):
    spec = of_files("texts/*.txt", tokenizer=tokenizer)
    prepare(spec, root, root / "a")
    prepare(spec, root, root / "b")
    assert contents(root / "a") == contents(root / "b")


def test_a_compressed_text_gives_the_same_tokens(root):
    (root / "one.txt.xz").write_bytes(lzma.compress((root / "one.txt").read_bytes()))
    prepare(of_files("one.txt"), root, root / "a")
    prepare(of_files("one.txt.xz"), root, root / "b")
    assert (root / "a" / "train.npy").read_bytes() == (root / "b" / "train.npy").read_bytes()
    assert (root / "a" / "heldout.npy").read_bytes() == (root / "b" / "heldout.npy").read_bytes()


def test_the_card_is_true(root):
    spec = of_files("texts/*.txt", tokenizer={"kind": "chars"})
    card = prepare(spec, root, root / "out")
    assert card == json.loads((root / "out" / "card.json").read_text())
    assert card["corpus_id"] == resolve(spec, root).corpus_id
    for part in ("train", "heldout"):
        tokens = np.load(root / "out" / f"{part}.npy")
        text = load(root / "out").text(tokens)
        assert card[f"{part}_tokens"] == len(tokens) == len(text)
        if part == "train":
            assert card["train_bytes"] == len(text.encode())
            assert card["vocab_size"] == len(set(text)) + 1
        assert card[f"{part}_bytes_per_token"] == card[f"{part}_bytes"] / len(tokens)
    for name, digest in card["sha256"].items():
        assert hashlib.sha256((root / "out" / name).read_bytes()).hexdigest() == digest
    explained = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
    assert [field for field in card if f"`{field}`" not in explained] == []
    assert str(root) not in (root / "out" / "card.json").read_text()


def test_the_unigram_yardstick_is_a_cross_entropy_with_one_added_to_each_count():
    train, heldout = np.array([0, 0, 1], np.uint8), np.array([0, 1, 2, 2], np.uint8)
    # counts 3, 2, 1 of 6
    by_hand = -(math.log(3 / 6) + math.log(2 / 6) + 2 * math.log(1 / 6)) / 4
    assert unigram_nats(train, heldout, 3) == pytest.approx(by_hand, rel=1e-14)


def test_uniform_tokens_cost_the_logarithm_of_the_vocabulary():
    tokens = np.tile(np.arange(256, dtype=np.uint8), 50)
    assert unigram_nats(tokens, tokens, 256) == pytest.approx(math.log(256), rel=1e-14)


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9), min_size=1))
def test_no_yardstick_is_below_the_entropy_of_what_it_measures(train, heldout):
    """Gibbs' inequality."""
    share = np.bincount(heldout) / len(heldout)
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    assert unigram_nats(np.array(train), np.array(heldout), 10) >= entropy - 1e-12


def test_characters_that_only_the_held_out_part_has_are_counted(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 90 + "b" * 7 + "a" * 3)
    card = prepare(of_files("a.txt", tokenizer={"kind": "chars"}), tmp_path, tmp_path / "out")
    assert (card["heldout_unknown_tokens"], card["vocab_size"]) == (7, 2)


@pytest.mark.parametrize("tokenizer", TOKENIZERS[1:], ids=lambda spec: spec["kind"])
def test_text_that_is_not_utf8_is_named_file_by_file(root, tokenizer):
    (root / "texts" / "3.txt").write_bytes(b"fine" + b"\xff")
    (root / "texts" / "4.txt").write_bytes(b"\xe4")
    found = message(prepare, of_files("texts/*.txt", tokenizer=tokenizer), root, root / "out")
    end = "; the bytes tokenizer takes any file"
    assert found == (
        "corpus: 2 problems\n"
        f"  - texts/3.txt: not UTF-8: byte 0xff at offset 4 (invalid start byte){end}\n"
        f"  - texts/4.txt: not UTF-8: byte 0xe4 at offset 0 (unexpected end of data){end}"
    )
    assert not (root / "out").exists()


def test_bytes_that_are_not_utf8_are_text_to_the_bytes_tokenizer(root):
    (root / "noise").write_bytes(bytes(range(256)) * 10)
    prepare(of_files("noise"), root, root / "out")
    corpus = load(root / "out")
    assert corpus.train.tobytes() + corpus.heldout.tobytes() == bytes(range(256)) * 10


def test_files_that_changed_since_the_plan_are_refused(root):
    spec = of_files("one.txt")
    planned = resolve(spec, root).corpus_id
    prepare(spec, root, root / "out", expected_id=planned)
    (root / "one.txt").write_text("another text\n" * 10)
    found = message(prepare, spec, root, root / "out", expected_id=planned)
    now = resolve(spec, root).corpus_id
    assert found == (
        "corpus: 1 problem\n"
        f"  - the files have changed since the plan: they were {planned}, now they are {now};"
        " plan again"
    )
    assert not (root / "out" / "card.json").exists()


def test_a_file_that_changes_while_it_is_read_is_refused(root, monkeypatch):
    def resolve_and_change(*arguments):
        resolved = resolve(*arguments)
        (root / "one.txt").write_text("another text\n" * 10)
        return resolved

    monkeypatch.setattr("isoloss.corpus.prepare.resolve", resolve_and_change)
    found = message(prepare, of_files("one.txt"), root, root / "out")
    assert found.endswith("one.txt: 1 problem\n  - changed while it was being read; try again")


def test_a_compressed_text_that_unpacks_to_too_little_is_refused(root):
    (root / "tiny.xz").write_bytes(lzma.compress(b"x"))
    found = message(prepare, of_files("tiny.xz"), root, root / "out")
    assert found == "corpus: 1 problem\n  - its heldout part is empty"


def test_a_failure_leaves_no_card_beside_other_arrays(root, monkeypatch):
    prepare(of_files("one.txt"), root, root / "out")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("isoloss.corpus.prepare.np.save", full)
    found = message(prepare, of_files("texts/*.txt"), root, root / "out")
    assert found.endswith("could not be written: No space left on device")
    assert not (root / "out" / "card.json").exists()
    assert not list((root / "out").glob(".*"))


def damage_array(folder):
    path = folder / "train.npy"
    path.write_bytes(path.read_bytes()[:-5])


def damage_card(folder):
    card = json.loads((folder / "card.json").read_text())
    write_json(folder / "card.json", card | {"heldout_tokens": 3})


def damage_format(folder):
    write_json(folder / "card.json", {"format": 0})


def damage_one_bit(folder):
    path = folder / "heldout.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda folder: (folder / "card.json").unlink(), "could not be read: No such file"),
        (lambda folder: (folder / "train.npy").unlink(), "train.npy could not be read: "),
        (damage_array, "train.npy could not be read: "),
        (damage_format, "card.json is not of format 1; prepare it again"),
        (
            damage_card,
            "heldout.npy has shape (1100,) and type uint8, but the card says (3,) and uint8",
        ),
        (damage_one_bit, "heldout.npy is damaged: it has another SHA-256 than the card says"),
    ],
)
def test_a_damaged_corpus_is_not_loaded(root, damage, expected):
    prepare(of_files("one.txt"), root, root / "out")
    damage(root / "out")
    assert expected in message(load, root / "out", verify=True)


def test_writing_to_a_loaded_array_does_not_reach_the_file(root):
    prepare(of_files("one.txt"), root, root / "out")
    corpus = load(root / "out")
    corpus.train[0] += 1
    load(root / "out", verify=True)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder served on this machine, and what it was asked for."""
    monkeypatch.setenv("no_proxy", "*")
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_downloaded_archive_becomes_tokens_and_is_fetched_once(root, served):
    folder, address, asked = served
    with zipfile.ZipFile(folder / "some.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("read me", "not this")
        archive.write(root / "one.txt", "inside/one.txt")
    digest = hashlib.sha256((folder / "some.zip").read_bytes()).hexdigest()
    entry = f"{{url: {address}/some.zip, sha256: {digest}, members: [inside/one.txt],"
    entry += " text_bytes: 11000, title: t, licence: l, source: s}"
    (root / "config").mkdir()
    (root / "config" / "corpora.yaml").write_text(f"mine: {entry}")
    spec = {"kind": "registered", "name": "mine"}
    card = prepare(spec, root, root / "out")
    prepare(spec, root, root / "again")
    prepare(of_files("one.txt"), root, root / "local")
    for name in ("train.npy", "heldout.npy"):
        assert (root / "out" / name).read_bytes() == (root / "local" / name).read_bytes()
    assert asked == ["/some.zip"]
    assert (root / "results" / "downloads" / digest / "some.zip").is_file()
    assert card["url"] == f"{address}/some.zip"
    assert resolve(spec, root).n_train_bytes == card["train_bytes"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_that_is_made_anew_is_known_by_its_members(root, served, compression):
    folder, address, _ = served
    names = ("one.txt", "two.txt")
    with zipfile.ZipFile(folder / "some.zip", "w", compression) as archive:
        for name in ("readme", *reversed(names)):
            archive.writestr(f"top/{name}", f"{name}\n" * 500)
    # What `sha256sum` prints.
    digests = [hashlib.sha256((f"{name}\n" * 500).encode()).hexdigest() for name in names]
    lines = "".join(f"{digests[i]}  top/{names[i]}\n" for i in range(2))
    spec = {"kind": "url", "url": f"{address}/some.zip", "members": ["top/*.txt"]}
    spec |= {"members_sha256": hashlib.sha256(lines.encode()).hexdigest()}
    card = prepare(spec, root, root / "out")
    assert card["train_bytes"] + card["heldout_bytes"] == 2 * 4000
    assert card["identity"]["content_sha256"] == spec["members_sha256"]
    assert resolve(spec, root).corpus_id == card["corpus_id"]


def test_an_archive_with_a_changed_member_is_refused(root, served):
    folder, address, _ = served
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("top/one.txt", "changed")
    spec = {"kind": "url", "url": f"{address}/some.zip", "members": ["top/*.txt"]}
    found = message(prepare, spec | {"members_sha256": "0" * 64}, root, root / "out")
    assert f"but {'0' * 64} was promised; nothing was kept" in found
    assert not list((root / "results" / "downloads").rglob("*.zip"))


def test_a_download_with_another_content_is_refused(root, served):
    folder, address, _ = served
    (folder / "a.txt").write_text("changed")
    spec = {"kind": "url", "url": f"{address}/a.txt", "sha256": "0" * 64}
    found = message(prepare, spec, root, root / "out")
    digest = hashlib.sha256(b"changed").hexdigest()
    assert f"has SHA-256 {digest}, but {'0' * 64} was promised; nothing was kept" in found
    assert not (root / "out").exists()


def test_a_declared_size_that_is_wrong_is_refused(root, served):
    folder, address, _ = served
    (folder / "a.txt").write_text("changed")
    digest = hashlib.sha256(b"changed").hexdigest()
    spec = {"kind": "url", "url": f"{address}/a.txt", "sha256": digest, "text_bytes": 20}
    found = message(prepare, spec, root, root / "out")
    assert found.endswith("text_bytes: 20 declared, but the text has 7")


def test_the_standard_library_becomes_a_corpus(tmp_path):
    card = prepare({"kind": "stdlib"}, ROOT, tmp_path / "out")
    corpus = load(tmp_path / "out", verify=True)
    told = resolve({"kind": "stdlib"}, ROOT)
    assert (len(corpus.train), len(corpus.heldout)) == (told.n_train_bytes, told.n_heldout_bytes)
    assert card["n_documents"] == len(told.files)
    assert "\t0\t" not in (tmp_path / "out" / "documents.tsv").read_text()
    assert len(corpus.train) > 4_000_001
    assert len(corpus.heldout) > 250_001
    assert 2.5 < card["heldout_unigram_nats_per_token"] < math.log(256)
    text = corpus.heldout.tobytes().decode()
    assert text.count("def ") > 300


@pytest.mark.skipif(not BOOKS.is_file(), reason=f"needs {BOOKS.name} beside the project")
def test_a_large_compressed_book_collection_is_read_whole(tmp_path):
    """Its size is that of its README."""
    spec = of_files(str(BOOKS), tokenizer={"kind": "chars"})
    card = prepare(spec, ROOT, tmp_path / "out")
    assert card["train_bytes"] + card["heldout_bytes"] == 9_027_728
    assert 4.0 < card["heldout_unigram_nats_per_token"] / math.log(2) < 5.0  # bits a character

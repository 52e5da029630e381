"""What a corpus is, known while planning: its content, its parts' sizes, its mistakes."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from isoloss.corpus.fingerprint import resolve
from isoloss.corpus.sources.stdlib import read_source, stdlib_files
from isoloss.errors import UserError

ROOT = Path(__file__).parent.parent.parent
STDLIB = {"kind": "stdlib"}


@pytest.fixture
def root(tmp_path):
    """Twelve texts in a folder, and one beside it."""
    (tmp_path / "texts").mkdir()
    for number in range(12):
        (tmp_path / "texts" / f"{number}.txt").write_text(f"text {number}\n" * (number + 1))
    (tmp_path / "one.md").write_bytes("äöü".encode() * 100)  # 600 bytes
    return tmp_path


def of_files(*paths, **settings):
    return {"kind": "files", "paths": list(paths), **settings}


def problems(spec, root):
    with pytest.raises(UserError) as caught:
        resolve(spec, root)
    return list(caught.value.problems)


def test_the_fingerprint_of_one_file_is_its_sha256(root):
    found = resolve(of_files("one.md"), root)
    digest = hashlib.sha256((root / "one.md").read_bytes()).hexdigest()
    assert found.identity["content_sha256"] == digest
    assert found.corpus_id.startswith("one-")
    assert found.files == (root / "one.md",)


def test_the_fingerprint_of_more_files_is_that_of_what_sha256sum_prints(root):
    found = resolve(of_files("texts/*.txt"), root)
    names = sorted(f"texts/{number}.txt" for number in range(12))
    listing = subprocess.run(
        ["sha256sum", *names], cwd=root, capture_output=True, check=True
    ).stdout
    assert found.identity["content_sha256"] == hashlib.sha256(listing).hexdigest()


def test_the_id_is_a_name_and_ten_digits_of_the_identitys_sha256(root):
    found = resolve(of_files("one.md", tokenizer={"kind": "bpe", "vocab_size": 300}), root)
    text = json.dumps(found.identity, sort_keys=True, separators=(",", ":"))
    assert found.corpus_id == f"one-bpe300-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


@pytest.mark.parametrize(
    "other",
    [
        of_files("texts/*.txt", heldout_share=0.2),
        of_files("texts/*.txt", tokenizer={"kind": "chars"}),
        of_files("texts/[1-9].txt"),
    ],
)
def test_what_changes_the_tokens_changes_the_identity(root, other):
    assert resolve(other, root).identity != resolve(of_files("texts/*.txt"), root).identity


@pytest.mark.parametrize(
    "other",
    [
        of_files("texts/*", tokenizer={"kind": "bytes"}),
        of_files("texts/1*.txt", "texts/*.txt", "./texts/1.txt", max_bytes=10_000),
        of_files("**/*.txt", name="another-name"),
    ],
)
def test_what_does_not_change_the_tokens_does_not_change_the_identity(root, other):
    assert resolve(other, root).identity == resolve(of_files("texts/*.txt"), root).identity


def test_a_changed_byte_changes_the_identity(root):
    before = resolve(of_files("texts/*.txt"), root)
    (root / "texts" / "3.txt").write_text("tExt 3\n" * 4)
    assert resolve(of_files("texts/*.txt"), root).corpus_id != before.corpus_id


def test_an_absolute_path_and_a_relative_one_are_the_same_file(root):
    absolute = resolve(of_files(str(root / "texts" / "*.txt")), root)
    assert absolute.corpus_id == resolve(of_files("texts/*.txt"), root).corpus_id


def test_a_registered_download_is_known_by_its_declared_content():
    found = resolve({"kind": "registered", "name": "text8"}, ROOT)
    assert found.corpus_id.startswith("text8-")
    assert (found.n_train_bytes, found.n_heldout_bytes) == (90_000_000, 10_000_000)
    assert found.files == ()


def test_sizes_that_need_unpacking_are_not_guessed(root):
    import gzip

    (root / "texts" / "12.txt").write_bytes(gzip.compress(b"some text"))
    found = resolve(of_files("texts/*.txt"), root)
    assert (found.n_train_bytes, found.max_train_tokens, found.max_heldout_tokens) == (None,) * 3
    url = {"kind": "url", "url": "https://example.org/a.zip?x=1", "sha256": "A" * 64}
    found = resolve(url | {"members": ["a"]}, root)
    assert (found.n_train_bytes, found.name) == (None, "a")
    assert found.identity["content_sha256"] == "a" * 64


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["no.txt"], "paths[0]: there is no file 'no.txt' (looked from {root})"),
        (["one.md", "no/*"], "paths[1]: no file matches 'no/*' (looked from {root})"),
        (
            ["texts/"],
            "paths[0]: 'texts/' is a folder; name its files by a glob such as 'texts/**/*.txt'",
        ),
        (["empty.txt"], "paths[0]: 'empty.txt' is an empty file"),
        (["emp*"], "paths[0]: every file that matches 'emp*' is empty"),
        (["tiny"], None),
    ],
)
def test_a_path_that_gives_no_text_is_named(root, paths, expected):
    (root / "empty.txt").touch()
    (root / "tiny").write_text("x")
    if expected is None:
        expected = "is too short to be split: 1 bytes to train on, 0 held out"
    assert problems(of_files(*paths), root) == [expected.format(root=root)]


def test_every_path_that_gives_no_text_is_named_at_once(root):
    found = problems(of_files("a", "one.md", "b*"), root)
    assert [problem[:8] for problem in found] == ["paths[0]", "paths[2]"]


def test_a_file_that_may_not_be_read_is_named(root, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("isoloss.corpus.sources.local.hashed", refuse)
    assert problems(of_files("one.md"), root) == [
        "paths: 'one.md' could not be read: Permission denied"
    ]


@pytest.mark.parametrize("name", ["x" * 5000, "/".join(["folder"] * 2000), "x" * 5000 + "*"])
def test_a_path_that_no_disk_can_have_is_named(root, name):
    (problem,) = problems(of_files("one.md", name), root)
    assert problem.startswith("paths[1]: ") and len(problem) < 300


@pytest.mark.parametrize("name", ["locked/one.txt", "locked/*.txt", "locked"])
def test_a_file_in_a_folder_that_one_may_not_enter_is_named(root, monkeypatch, name):
    def refuse(path, *args, **kwargs):
        if "locked" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    real = Path.stat
    monkeypatch.setattr(Path, "stat", refuse)
    (problem,) = problems(of_files("one.md", name), root)
    assert problem.startswith("paths[1]: ") and name in problem


def test_more_text_than_allowed_is_refused(root):
    found = problems(of_files("one.md", max_bytes=599), root)
    assert found == ["max_bytes: 599, but the text has 600"]


def test_empty_files_that_a_glob_finds_are_passed_over(root):
    before = resolve(of_files("texts/*.txt"), root)
    (root / "texts" / "empty.txt").touch()
    assert resolve(of_files("texts/*.txt"), root).corpus_id == before.corpus_id


def test_the_standard_library_is_large_enough_for_the_text_study():
    """Four million bytes in one epoch, a quarter of a million held out."""
    found = resolve(STDLIB, ROOT)
    assert found.n_train_bytes > 4_000_001
    assert found.n_heldout_bytes > 250_001
    assert resolve({"kind": "registered", "name": "stdlib"}, ROOT).corpus_id == found.corpus_id


def test_the_standard_library_is_text_that_people_wrote():
    names = [name for name, _ in stdlib_files()]
    assert names == sorted(names)
    assert {"os.py", "json/decoder.py", "asyncio/tasks.py", "unittest/mock.py"} <= set(names)
    left_out = ("test", "idlelib", "site-packages", "__pycache__", "encodings", "turtle")
    parts = {part.removesuffix(".py") for name in names for part in Path(name).parts}
    assert not {part for part in parts if part.startswith(left_out)}
    assert {Path(name).parts[0].removesuffix(".py") for name in names} <= sys.stdlib_module_names


def test_the_standard_library_is_the_same_wherever_it_is_installed(tmp_path):
    """Another place, another line end, other folders beside it, another order on the disk."""
    names = ["abc.py", "json/__init__.py", "json/tool.py"]
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"import this\r\n")
    for other in ("_sysconfigdata__linux.py", "site-packages/x.py", "json/tests/a.py", "abc.pyc"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text("other")
    found = stdlib_files(tmp_path)
    assert [name for name, _ in found] == names
    assert {read_source(path) for _, path in found} == {b"import this\n"}


def test_a_python_without_sources_says_what_to_use_instead(monkeypatch):
    monkeypatch.setattr("isoloss.corpus.sources.stdlib.stdlib_files", list)
    expected = "kind: this Python came without its library's sources; use kind files or url"
    assert problems(STDLIB, ROOT) == [expected]


def test_resolving_loads_no_numpy_and_no_network():
    script = (
        "import sys; from isoloss.corpus.fingerprint import resolve;"
        "resolve({'kind': 'stdlib'}, '.');"
        "print([m for m in ('numpy', 'torch', 'pandas', 'http.client', 'ssl') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"

"""A corpus that is an installed package."""

import sys

import pytest

from isoloss.corpus.sources.base import NotAtHand
from isoloss.corpus.sources.package import Package


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with code, tests and a header."""
    for name in ("__init__.py", "inner/b.py", "inner/a.py", "tests/test_a.py", "inner/c.h"):
        path = tmp_path / "a_planted_package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"# {name}\r\n".encode())
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "a_planted_package"
    sys.modules.pop("a_planted_package", None)


def package(**given):
    return Package(kind="package", **{"package": "a_planted_package"} | given)


def names(source):
    return [file.name for file in source.content(".", "corpora.mine").files]


def test_its_files_are_read_by_name_without_tests(installed):
    assert names(package()) == ["__init__.py", "inner/a.py", "inner/b.py"]
    assert names(package(folder="inner", endings=["h"])) == ["inner/c.h"]


def test_the_text_is_that_of_the_files_with_plain_line_ends(installed):
    source = package(folder="inner")
    files = source.content(".", "corpora.mine").files
    assert source.documents(files, ".") == [
        ("inner/a.py", b"# inner/a.py\n"), ("inner/b.py", b"# inner/b.py\n"),
    ]  # fmt: skip
    assert source.readable_name(files) == "a_planted_package-inner"


def test_reading_it_does_not_import_it(installed):
    (installed / "__init__.py").write_text("raise RuntimeError('imported')\n")
    assert len(names(package())) == 3


def test_another_text_is_another_corpus(installed):
    before = package().content(".", "corpora.mine").sha256
    (installed / "inner" / "a.py").write_text("# other\n")
    assert package().content(".", "corpora.mine").sha256 != before


@pytest.mark.parametrize(("given", "said"), [
    ({"package": "no_such_package_here"}, "there is no installed package 'no_such_package_here'"),
    ({"folder": "nowhere"}, "the package 'a_planted_package' has no folder 'nowhere'"),
    ({"folder": "../elsewhere"}, "the package 'a_planted_package' has no folder '../elsewhere'"),
    ({"endings": ["cpp"]}, "no file of the package ends in cpp"),
])  # fmt: skip
def test_what_is_not_there_is_refused_in_words(installed, given, said):
    with pytest.raises(NotAtHand) as refused:
        package(**given).content(".", "corpora.mine")
    assert said in str(refused.value)

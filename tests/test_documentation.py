"""What the pages for readers point to is there: links, headings, paths and names in the code."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "config" / "README.md",
                 *(ROOT / "docs").glob("*.md"))
    if path.exists()
)  # fmt: skip
CODE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![\w./])(?:workflow|tests|benchmarks|docs)/[\w./-]*\w")
NAME = re.compile(r"(?<![\w./])isoloss(?:\.[A-Za-z_]\w*)+(?![\w.]*/)")


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as public forges make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", CODE.sub("", page.read_text()), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", LINK.sub("]", heading).lower()).replace(" ", "-")
        number, anchor = 0, plain
        while anchor in found:
            number += 1
            anchor = f"{plain}-{number}"
        found.add(anchor)
    return found


def broken(page: Path) -> list[str]:
    """The relative links of a page that lead to no file or no heading."""
    found = []
    for link in LINK.findall(CODE.sub("", page.read_text())):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = page.parent / target if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            found.append(link)
    return found


def is_there(name: str) -> bool:
    """Is this a module of the package, or what a module of the package has?"""
    module, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return bool(module) and hasattr(importlib.import_module(module), last)
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestEachPage:
    def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there(self, page):
        assert not broken(page)

    def test_every_path_of_the_repository_that_it_names_is_there(self, page):
        named = set(PATH.findall(page.read_text()))
        assert not {path for path in named if not (ROOT / path).exists()}

    def test_every_name_of_the_package_that_it_gives_is_there(self, page):
        assert not {name for name in NAME.findall(page.read_text()) if not is_there(name)}


def test_a_link_to_a_heading_or_a_file_that_is_not_there_is_found(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# A title\n\n## `code` and (more)\n\n## Twice\n\n## Twice\n")
    good = "[a](other.md#a-title) [b](other.md#code-and-more) [c](other.md#twice-1) [d](#here)"
    page.write_text(f"# Here\n\n{good} [e](https://example.org#x)\n\n```\n[f](no.md)\n```\n")
    assert broken(page) == []
    page.write_text("[a](other.md#titel) [b](no.md) [c](#there)\n")
    assert broken(page) == ["other.md#titel", "no.md", "#there"]

"""Rows that are equal keep their order on every processor."""

import ast
from pathlib import Path

SOURCES = sorted((Path(__file__).parents[1] / "workflow" / "isoloss").rglob("*.py"))


def argsorts(source: str) -> list[bool]:
    """Of each argsort of a source: is it the stable one?"""
    return [
        any(word.arg == "kind" and ast.unparse(word.value) == "'stable'" for word in node.keywords)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "argsort"
    ]


def test_every_argsort_is_stable():
    """NumPy's default orders equal values by the processor: findings/numpy_ties_by_processor.sh."""
    found = {path: argsorts(path.read_text()) for path in SOURCES}
    assert sum(map(len, found.values())) > 10
    assert not [path for path, stable in found.items() if not all(stable)]


def test_an_argsort_that_is_not_stable_is_seen():
    assert argsorts("np.argsort(x)\nx.argsort(kind='stable')\nx.sort()") == [False, True]

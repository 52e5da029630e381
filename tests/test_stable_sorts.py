"""Rows that are equal keep their order on every processor."""

import ast
from pathlib import Path

SOURCES = sorted((Path(__file__).parents[1] / "workflow" / "isoloss").rglob("*.py"))


def sorts(source: str) -> list[bool]:
    """Of each argsort, and each sort_values by one column, of a source: is it the stable one?

    pandas sorts by several columns stably.
    """
    return [
        any(word.arg == "kind" and ast.unparse(word.value) == "'stable'" for word in node.keywords)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and _may_be_unstable(node)
    ]


def _may_be_unstable(node: ast.Call) -> bool:
    name = getattr(node.func, "attr", None)
    several = bool(node.args) and isinstance(node.args[0], ast.List)
    return name == "argsort" or (name == "sort_values" and not several)


def test_every_sort_with_ties_is_stable():
    """NumPy's default orders equal values by the processor: findings/numpy_ties_by_processor.sh."""
    found = {path: sorts(path.read_text()) for path in SOURCES}
    assert sum(map(len, found.values())) > 10
    assert not [path for path, stable in found.items() if not all(stable)]


def test_a_sort_that_is_not_stable_is_seen():
    assert sorts("np.argsort(x)\nx.argsort(kind='stable')\nx.sort()") == [False, True]
    assert sorts("t.sort_values('a')\nt.sort_values(['a', 'b'])") == [False]

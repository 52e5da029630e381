"""Read the comments beside the fields of a section from its source, never at start-up."""

import ast
import functools
import inspect
import io
import tokenize
from pathlib import Path

from pydantic import BaseModel


def meanings(section: type[BaseModel]) -> dict[str, str]:
    """Key -> its meaning, for the keys of a section that have a comment.

    A comment stands at the end of the field's line, or in lines of its own directly above.
    """
    found = {}
    for key in section.model_fields:
        owner = next(base for base in section.__mro__ if key in inspect.get_annotations(base))
        if text := _of_class(owner).get(key):
            found[key] = text
    return found


@functools.cache
def _of_class(section: type[BaseModel]) -> dict[str, str]:
    path = inspect.getsourcefile(section)
    trailing, alone = _comments(path)
    found = {}
    for node in _class(path, section.__qualname__).body:
        if not isinstance(node, ast.AnnAssign):
            continue
        lines, above = [], node.lineno - 1
        while above in alone:
            lines.insert(0, alone[above])
            above -= 1
        lines += [
            trailing[line] for line in range(node.lineno, node.end_lineno + 1) if line in trailing
        ]
        found[node.target.id] = " ".join(lines)
    return found


def _class(path: str, name: str) -> ast.ClassDef:
    tree = ast.parse(Path(path).read_bytes())
    return next(node for node in ast.walk(tree) if getattr(node, "name", None) == name)


@functools.cache
def _comments(path: str) -> tuple[dict[int, str], dict[int, str]]:
    """Comments by line: those behind code, and those in lines of their own."""
    trailing, alone = {}, {}
    text = Path(path).read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("# fmt:"):
            kind = alone if token.line.lstrip().startswith("#") else trailing
            kind[token.start[0]] = token.string.lstrip("# ").strip()
    return trailing, alone

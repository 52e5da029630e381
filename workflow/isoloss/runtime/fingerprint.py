"""Which of the package's code something depends on, and a fingerprint of it."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Settings mean what the code that reads them does, and these two move bytes: none of them can
# change what a run computes.
NOT_COMPUTING = ("isoloss.config", "isoloss.errors", "isoloss.files")


@functools.cache
def sources(*modules: str) -> list[str]:
    """The files of the package that some modules depend on, themselves included, sorted.

    For the `input` of a rule: Snakemake does not see what a module imports.
    """
    return sorted(str(path) for path in map(_path, _closure(modules, ())) if path)


def training_fingerprint(task: str) -> str:
    """What the code computes that trains a task, as 10 hexadecimal digits.

    Comments, docstrings and layout do not count, nor does code that is not used in training.
    """
    loop = () if task == "polynomial" else ("isoloss.train.loop",)
    return _fingerprint((f"isoloss.tasks.{task}", *loop))


@functools.cache
def _fingerprint(modules: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in sorted(_closure(modules, NOT_COMPUTING)):
        digest.update(f"{name}\n{ast.dump(_without_docstrings(_tree(name)))}\n".encode())
    return digest.hexdigest()[:10]


def _closure(modules: Iterable[str], left_out: tuple[str, ...]) -> set[str]:
    found, waiting = set(), list(modules)
    while waiting:
        name = waiting.pop()
        hidden = any(name == prefix or name.startswith(f"{prefix}.") for prefix in left_out)
        if name in found or hidden or _path(name) is None:
            continue
        found.add(name)
        waiting += _imports(name)
    return found


@functools.cache
def _imports(name: str) -> tuple[str, ...]:
    """The package's modules that a module imports, inside functions too."""
    found = []
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(name for name in found if name.split(".")[0] == "isoloss")


@functools.cache
def _tree(name: str) -> ast.Module:
    return ast.parse(_path(name).read_bytes())


@functools.cache
def _path(name: str) -> Path | None:
    base = PACKAGE.joinpath(*name.split(".")[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    tree = ast.parse(ast.unparse(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree

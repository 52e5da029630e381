"""The modules of the package that a module depends on, and a fingerprint of the training code."""

import ast
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from isoloss import extensions
from isoloss.tasks import TASKS, task
from isoloss.tasks.base import Solved

PACKAGE = Path(__file__).parents[1]
LOOKED_UP = "isoloss.tasks"  # a module that imports it depends on all tasks
# The modules that train any task: a run, and the trunks that runs share.
TRAINING = (
    *("isoloss.train.session", "isoloss.train.outcome", "isoloss.train.trunk"),
    "isoloss.tasks.pytorch",  # which tasks load when a run starts
)
STACKED = "stack"  # in a run's `kernel`, before the fingerprint of the code of stacks
STACK = "isoloss.train.stacked.session"  # trains a stack of runs
OF_STACKS = ("isoloss.train.stacked", "isoloss.models.stacked")  # what a run alone does without
# These modules cannot change the result of a run. Settings act only through the code that reads
# them; the other modules move bytes, plan, or look up functions.
NOT_COMPUTING = (
    *("isoloss.config", "isoloss.errors", "isoloss.extensions", "isoloss.files", "isoloss.runtime"),
    *("isoloss.tasks", "isoloss.tasks.memory"),
    # Bits do not depend on the compiler, nor on what finds it and checks what it made.
    *("isoloss.native.build", "isoloss.native.compiler", "isoloss.native.target"),
    *(f"isoloss.tasks.{name}.settings" for name in TASKS),
)
PACKAGES_LEFT_OUT = ("isoloss.config.", "isoloss.runtime.")
READ_BY_CODE = (".css", ".html", ".js", ".mplstyle")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where statements hold others
KERNEL = PACKAGE / "native" / "kernel"  # the C++ of the native kernel
OF_KERNEL = ("isoloss.native", "isoloss.train.engines.native")  # modules of tasks that it trains
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)  # of C++
PLANNING = "planning"  # the decorator of methods that only plan: see isoloss.tasks.base


# A string, which is kept; or an empty line, or a comment.
STRING_OR_COMMENT = re.compile(
    r"""("{3}(?:[^\\]|\\.)*?"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    r"|^[ \t]*(?:#[^\n]*)?\n|[ \t]*#[^\n]*",
    re.DOTALL | re.MULTILINE,
)


@functools.cache
def source_fingerprint(*modules: str) -> str:
    """Fingerprint of all files that some modules depend on: 10 hexadecimal digits.

    For the `params` of a rule: Snakemake does not see what a module imports. Comments, docstrings
    and empty lines of Python do not change it, nor do the places and times of the files.
    """
    files = sorted(f"{Path(path).name}\n{_source(Path(path))}\n" for path in sources(*modules))
    return hashlib.sha256("".join(files).encode()).hexdigest()[:10]


@functools.cache
def sources(*modules: str) -> list[str]:
    """The files of the package that some modules depend on, themselves included, sorted.

    Templates, scripts and styles beside a module belong to it.
    """
    code = {_path(name) for name in _closure(modules, computing=False)}
    beside = {path for folder in {path.parent for path in code} for path in folder.iterdir()}
    return sorted(str(path) for path in code | {p for p in beside if p.suffix in READ_BY_CODE})


def training_fingerprint(name: str) -> str:
    """Fingerprint of the code that trains a task: 10 hexadecimal digits.

    Comments, docstrings, layout, and code that training does not use do not change the fingerprint.

    Raises
    ------
    UserError
        There is no task of that name.
    ValueError
        The task names a module that does not exist.
    """
    found = task(name)
    own = tuple(filter(None, (type(found).__module__, found.module)))
    if isinstance(found, Solved):
        return _fingerprint(own)
    return _fingerprint((*own, *TRAINING), native=bool(found.module))


@functools.cache
def stack_fingerprint() -> str:
    """Fingerprint of the code that stacks of runs have for themselves: 10 hexadecimal digits."""
    names = [name for name in _closure([STACK], computing=True) if name.startswith(OF_STACKS)]
    return _digest(sorted(names)).hexdigest()[:10]


def code_fingerprint(*modules: str) -> str:
    """Fingerprint of the code of modules and of all that they import: 10 hexadecimal digits.

    Raises
    ------
    ValueError
        A module does not exist.
    """
    return _fingerprint(modules)


@functools.cache
def _fingerprint(roots: tuple[str, ...], *, native: bool = True) -> str:
    """Fingerprint of modules and of all that they import; without the kernel if not `native`."""
    names = sorted(_closure(roots, computing=True))
    digest = _digest(name for name in names if native or not name.startswith(OF_KERNEL))
    if native and any(name.startswith(OF_KERNEL) for name in names):
        digest.update(_kernel().encode())
    return digest.hexdigest()[:10]


def _digest(names: Iterable[str]) -> Any:
    """The hash of the code of modules."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n{_computed(_path(name))}\n".encode())
    return digest


@functools.cache
def _kernel() -> str:
    """The C++ of the kernel without comments and layout."""
    files = sorted(path for path in KERNEL.iterdir() if path.suffix in (".cpp", ".hpp"))
    code = (COMMENT.sub(" ", path.read_text(encoding="utf-8")) for path in files)
    return "\n".join(" ".join(text.split()) for text in code)


def _closure(roots: Iterable[str], *, computing: bool) -> set[str]:
    """The modules that `roots` import, directly or not, and `roots` themselves."""
    found, waiting = set(), list(roots)
    for name in waiting:
        if _path(name) is None:
            raise ValueError(f"there is no module {name}")
    while waiting:
        name = waiting.pop()
        left_out = name in NOT_COMPUTING or name.startswith(PACKAGES_LEFT_OUT)
        if name in found or (computing and left_out):
            continue
        found.add(name)
        waiting += _imports(_path(name))
        if name == LOOKED_UP:
            waiting += TASKS.values()
    return found


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    """The package's modules that a file imports, inside functions too."""
    return _read(path)[0]


@functools.cache
def _source(path: Path) -> str:
    """The text of a file; of Python, without docstrings, comments and empty lines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    lines = text.split("\n")
    for doc in _read(path)[1]:
        first, last = doc.lineno - 1, doc.end_lineno - 1
        around = (
            lines[first][: doc.col_offset] + lines[last].encode()[doc.end_col_offset :].decode()
        )
        if not around.strip():
            lines[first : last + 1] = [""] * (last + 1 - first)
    return STRING_OR_COMMENT.sub(lambda found: found[1] or "", "\n".join(lines) + "\n")


@functools.cache
def _read(path: Path) -> tuple[tuple[str, ...], tuple[ast.expr, ...]]:
    """The package's modules that a file imports, and the file's docstrings."""
    found, docs = [], []
    for node in _statements(_tree(path)):
        if isinstance(node, DOCUMENTED) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docs.append(first.value)
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if _path(name) else node.module for name in names]
    return tuple(name for name in found if _path(name)), tuple(docs)


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """All statements except those under TYPE_CHECKING; expressions cannot import."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        for block in BLOCKS:
            waiting += getattr(node, block, ())


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@functools.cache
def _computed(path: Path) -> str:
    """The code of a file without docstrings, layout and methods that only plan."""
    tree = ast.parse(ast.unparse(_tree(path)))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
        if isinstance(node, ast.ClassDef):
            node.body = [part for part in node.body if not _only_plans(part)]
    return ast.dump(tree)


def _only_plans(node: ast.stmt) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return any(isinstance(one, ast.Name) and one.id == PLANNING for one in decorators)


def _path(name: str) -> Path | None:
    """The file of a module of the package or of an extension; None for any other."""
    return extensions.file_of(name) or _path_of_package(name)


@functools.cache
def _path_of_package(name: str) -> Path | None:
    first, *rest = name.split(".")
    if first != "isoloss":
        return None
    base = PACKAGE.joinpath(*rest)
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None

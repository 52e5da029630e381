"""Extensions: a project's own modules, which add tasks, laws and more to those of the package.

`config.extensions` names them. Every command that loads a project imports them, and so does every
job: the workflow passes their names in the environment.
"""

import os
import sys
import types
from collections.abc import Container, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from isoloss.errors import UserError

PATHS = "ISOLOSS_EXTENSIONS"  # environment variable with the files, as in the config
PREFIX = "isoloss_extensions"  # prefix of the modules' names
_added: dict[tuple[str, str], str] = {}  # kind and name -> the module that added it
_importing: list[str] = []  # the module that is being imported, if any
_imported: dict[str, tuple[Path, bytes]] = {}  # module -> its file, and the file's content


def load(paths: Iterable[str], root: str | Path) -> None:
    """Import the extensions of a project, each once, in order.

    Parameters
    ----------
    paths : iterable of str
        Files, relative to the project's folder.
    root : path
        The project's folder.

    Raises
    ------
    UserError
        A file is outside the project, missing, or cannot be imported; the error names the line.
    """
    problems = []
    for path in dict.fromkeys(paths):
        if problem := _misplaced(path, Path(root)):
            problems.append(f"{path}: {problem}")
            continue
        name = ".".join(PurePosixPath(path).with_suffix("").parts)
        problems += [f"{path}{problem}" for problem in _import(Path(root, path), name)]
    if problems:
        raise UserError("extensions", problems)


def load_files(paths: Iterable[Path]) -> None:
    """Import files that a command names, in any folder.

    Raises
    ------
    UserError
        A file is missing or cannot be imported; the error names the line.
    """
    problems = [f"{path}{problem}" for path in paths for problem in _import(path, path.stem)]
    if problems:
        raise UserError("extensions", problems)


def load_named() -> None:
    """Import the extensions that the workflow names to its jobs, from the present folder."""
    load(filter(None, os.environ.get(PATHS, "").split(os.pathsep)), os.curdir)


def add(
    known: dict[str, Any], name: str, value: Any, kind: str, built_in: Container[str] = ()
) -> None:
    """Add what an extension registers to a dictionary of names.

    Parameters
    ----------
    known : dict
        The dictionary.
    name, value : str, any
        The new entry.
    kind : str
        The kind of entry, for messages.
    built_in : container of str
        Further names that are taken, beside those in `known`.

    Raises
    ------
    UserError
        Another module has taken the name.
    """
    by = _importing[-1] if _importing else ""
    if not isinstance(name, str) or not name:
        raise UserError(kind, [f"the name of a {kind} must be a text, got {name!r}"])
    if name in built_in or (name in known and (not by or _added.get((kind, name)) != by)):
        raise UserError(kind, [f"there is already a {kind} {name!r}; choose another name"])
    _added[kind, name] = by
    known[name] = value


def file_of(module_name: str) -> Path | None:
    """The file of an extension's module; None for any other module."""
    return _imported[module_name][0] if module_name in _imported else None


def _import(path: Path, name: str) -> list[str]:
    """Import a file if it is new or has changed; return its problems.

    Each problem begins with ", line N: " or with ": ".
    """
    module_name = f"{PREFIX}.{name}"
    try:
        known = path.resolve(), path.read_bytes()
    except OSError as error:
        return [f": could not be read: {error.strerror}"]
    if _imported.get(module_name) == known:
        return []
    module = types.ModuleType(module_name)
    module.__file__ = str(path)
    sys.modules[module_name] = module  # where dataclasses and pydantic look for it
    _importing.append(module_name)
    try:
        exec(compile(known[1], str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        return _problems(error, path)
    finally:
        _importing.pop()
    _imported[module_name] = known
    return []


def _misplaced(path: str, root: Path) -> str | None:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        return "must be a file inside the project"
    if parts.suffix != ".py":
        return "must be a Python file, with a name that ends in .py"
    if os.pathsep in path or any(c in "{}" or not c.isprintable() for c in path):
        return f"must have no braces, no {os.pathsep!r} and no control characters"
    return None if (root / path).is_file() else "there is no such file"


def _problems(error: BaseException, path: Path) -> list[str]:
    """The error of an import as text, with the line of the file that raised it."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines = [error.lineno]
    at = f", line {lines[-1]}: " if lines else ": "
    if isinstance(error, UserError):
        return [at + problem for problem in error.problems]
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return [f"{at}{type(error).__name__}: {said}"]

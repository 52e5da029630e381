"""What isoloss says when something a user gave it is wrong."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in a config, a table or a file: shown as a message, never as a traceback.

    Parameters
    ----------
    where : str
        What was being read, e.g. a file's path.
    problems : iterable of str
        Every problem found in it; each names its key or row, what was found and what is allowed.
    hint : str
        What to do about all of them, if there is one way.
    """

    def __init__(self, where: str, problems: Iterable[str], hint: str = ""):
        self.where = where
        self.problems = tuple(problems)
        self.hint = hint
        count = len(self.problems)
        head = f"{where}: {count} problem{'s' if count != 1 else ''}"
        super().__init__(
            "\n".join(
                [head, *(f"  - {problem}" for problem in self.problems), *([hint] if hint else [])]
            )
        )


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The end of a message about an unknown name: the valid name that it resembles, if any.

    >>> nearest("widht", ["width", "depth"])
    "; did you mean 'width'?"
    """
    found = difflib.get_close_matches(str(name), sorted(map(str, allowed)), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


class Interrupted(Exception):
    """A job was told to end, and has kept its state: the same command goes on."""

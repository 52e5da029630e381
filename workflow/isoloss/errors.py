"""Errors about a user's input: their class, and suggestions of the nearest valid name."""

from collections.abc import Iterable


class UserError(Exception):
    """A mistake in a config, a table or a file, shown as a message without a traceback.

    Parameters
    ----------
    where : str
        The source of the problems, e.g. a file's path.
    problems : iterable of str
        Every problem found there; each names its key or row, the value found and those allowed.
    hint : str
        The way to solve all problems, if there is one.
    notes : iterable of str
        What was assumed before the problems were found.
    """

    def __init__(
        self, where: str, problems: Iterable[str], hint: str = "", notes: Iterable[str] = ()
    ):
        self.where = where
        self.problems = tuple(problems)
        self.hint = hint
        self.notes = tuple(notes)
        count = len(self.problems)
        head = f"{where}: {count} problem{'s' if count != 1 else ''}"
        super().__init__(
            "\n".join(
                [
                    head,
                    *(f"  - {problem}" for problem in self.problems),
                    *(f"assumed: {note}" for note in self.notes),
                    *([hint] if hint else []),
                ]
            )
        )


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The end of a message about an unknown name: the most similar valid name, if any.

    >>> nearest("widht", ["width", "depth"])
    "; did you mean 'width'?"
    """
    import difflib

    found = difflib.get_close_matches(str(name), sorted(map(str, allowed)), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


class Interrupted(Exception):
    """A job was asked to end, and has written its state; the same command resumes it."""

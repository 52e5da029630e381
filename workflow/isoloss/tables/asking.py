"""Texts for messages about a table: names of rows, and the edit or option that helps."""

from typing import Protocol

INDEPENDENT = "none"  # the value of `cluster` that says that all rows are independent
LISTED = 8  # the most rows named in one message
MANY = 12  # rows to leave out, from which on a condition says it better


class Asking(Protocol):
    """How a user names columns and leaves out rows: by options, or by keys of a study."""

    def column(self, name: str, *texts: str) -> str:
        """The text to write so that one of `texts` ("COLUMN" or "COLUMN*FACTOR") holds `name`."""

    def leave_out(self, rows, numbers) -> str:
        """How to leave out rows, as part of a sentence; rows as for `rows_text`."""

    def hint(self, rows, numbers, condition="") -> str:
        """How to leave out rows, as the end of a message; "" where no option does it.

        `condition` keeps all other rows; it is shorter where many are bad.
        """


class CommandLine:
    """Texts for a user of `isoloss fit`: its options."""

    def column(self, name: str, *texts: str) -> str:
        """The option that names a column."""
        return f"--column {name}={_quoted(texts)}"

    def leave_out(self, rows, numbers) -> str:
        """The option that leaves out rows, as part of a sentence."""
        return f"{without(rows, numbers)} leaves them out"

    def hint(self, rows, numbers, condition="") -> str:
        """The option that leaves out rows, as the end of a message."""
        many = condition and len(rows) > MANY
        option = f"--where '{condition}'" if many else without(rows, numbers)
        return f"to leave these rows out: {option}"


class InStudy:
    """Texts for a user whose study reads a table: keys of `columns`."""

    def column(self, name: str, *texts: str) -> str:
        """The key of `columns` that names a column."""
        return f"columns.{name}: {_quoted(texts)}"

    def leave_out(self, rows, numbers) -> str:
        """The advice to remove rows from the table, as part of a sentence."""
        return "remove them from the table"

    def hint(self, rows, numbers, condition="") -> str:
        """Nothing: a study has no option that leaves out rows."""
        return ""


COMMAND_LINE, IN_STUDY = CommandLine(), InStudy()


def _quoted(texts) -> str:
    return " or ".join(f"'{text}'" for text in texts)


def rows_text(rows, numbers=None) -> str:
    """ "row 3" or "rows 3, 7, 9 and 12 more", counted from 1 if there are no `numbers`."""
    rows = [int(row) + 1 if numbers is None else int(numbers[row]) for row in rows]
    text = ", ".join(map(str, rows[:LISTED]))
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return f"row{'s' if len(rows) > 1 else ''} {text}{more}"


def without(rows, numbers) -> str:
    """The option that leaves rows out: "--without 3,7-12"; long runs of rows are a range."""
    rows = sorted(int(numbers[row]) for row in rows)
    parts, start = [], 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i] != rows[i - 1] + 1:
            group = rows[start:i]
            parts += [f"{group[0]}-{group[-1]}"] if len(group) > 3 else map(str, group)
            start = i
    return f"--without {','.join(parts)}"

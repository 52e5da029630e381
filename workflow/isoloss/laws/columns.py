"""The names of laws whose columns a user lists, such as "powers:n_params,batch"."""


def listed(
    name: str, kind: str, most: int, refused: dict[str, str]
) -> tuple[tuple[str, ...], list]:
    """The columns that a law's name lists, and what is wrong with them.

    Parameters
    ----------
    kind : str
        What stands before the colon.
    most : int
        Columns that the law may have.
    refused : dict of str to str
        Column that cannot be one of them -> why.
    """
    given, _, text = name.partition(":")
    columns = tuple(column.strip() for column in text.split(","))
    problems = []
    if given.strip() != kind or not all(columns):
        problems.append(f"must be {shape(kind)}, got {name!r}")
    twice = sorted({one for one in columns if one and columns.count(one) > 1})
    problems += [f"{kind}: column {one!r} is named twice" for one in twice]
    problems += [f"{kind}: {refused[one]}" for one in dict.fromkeys(columns) if one in refused]
    if len(columns) > most:
        problems.append(f"{kind}: at most {most} columns, got {len(columns)}")
    return columns, problems


def shape(kind: str) -> str:
    """How such a name is written."""
    return f"{kind}:COLUMN,COLUMN,..."

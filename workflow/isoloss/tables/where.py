"""Rows that a condition on columns keeps: `dataset == "dclm" and n_params > 1e8`.

The condition is parsed as Python and evaluated here, operator by operator: comparisons, `in`,
`and`, `or`, `not`, names of columns, numbers and texts. Nothing else is understood, so a text from
a user cannot run code.
"""

import ast
import operator

import numpy as np

from isoloss.errors import UserError, nearest

COMPARED = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ALLOWED = "columns, numbers, texts, == != < <= > >=, in, and, or, not"
EXAMPLE = """--where 'dataset == "dclm" and n_params > 1e8'"""


def kept(table, condition: str) -> np.ndarray:
    """Whether a condition holds for each row of a table, shape (row,).

    Parameters
    ----------
    table : pandas.DataFrame
    condition : str
        Names of columns stand for themselves, and in backquotes where they are no words.

    Raises
    ------
    UserError
        The condition is no such condition, names no column, or keeps no row.
    """
    columns = {str(name): name for name in table.columns}
    text, quoted = _without_backquotes(condition)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refused(condition, f"is no condition such as {EXAMPLE}") from None
    try:
        found = _Condition(table, columns, quoted, condition).truth(tree)
    except RecursionError:
        raise _refused(condition, "is too deep") from None
    if not found.any():
        raise _refused(condition, f"keeps none of the {len(table)} rows")
    return found


def _refused(condition, text) -> UserError:
    return UserError("--where", [f"{condition}: {text}"])


def _without_backquotes(condition):
    """The condition with a plain word for each `name in backquotes`, and what they stand for."""
    parts = condition.split("`")
    if len(parts) % 2 == 0:
        raise _refused(condition, "a backquote is not closed")
    quoted = {f"_quoted_{i}": name for i, name in enumerate(parts[1::2])}
    words = iter(quoted)
    return "".join(next(words) if i % 2 else part for i, part in enumerate(parts)), quoted


class _Condition:
    def __init__(self, table, columns, quoted, text):
        self.table, self.columns, self.quoted, self.text = table, columns, quoted, text

    def truth(self, node) -> np.ndarray:
        """Whether a node holds, for each row."""
        if isinstance(node, ast.BoolOp):
            every = [self.truth(one) for one in node.values]
            reduce = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return reduce.reduce(every)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.truth(node.operand)
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = zip(sides, node.ops, sides[1:], strict=False)
            return np.logical_and.reduce([self._compare(*pair) for pair in pairs])
        if isinstance(node, ast.Name):
            values = self._column(node.id)
            if values.dtype.kind == "b":
                return values
            raise _refused(self.text, f"column {node.id!r} is not true or false: compare it")
        raise _refused(self.text, f"may hold {ALLOWED}; got {ast.unparse(node)}")

    def _compare(self, left, sign, right):
        a = self._value(left)
        if isinstance(sign, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                raise _refused(self.text, 'after "in" must stand a list, e.g. ["dclm", "c4"]')
            found = [self._pair(operator.eq, a, self._value(one)) for one in right.elts]
            inside = np.logical_or.reduce([np.zeros(len(self.table), dtype=bool), *found])
            return ~inside if isinstance(sign, ast.NotIn) else inside
        if type(sign) not in COMPARED:
            raise _refused(self.text, f"may hold {ALLOWED}")
        return self._pair(COMPARED[type(sign)], a, self._value(right))

    def _pair(self, compare, a, b):
        """Compare as numbers where both sides hold some, else as texts."""
        sides = [self._numbers(a), self._numbers(b)]
        if all(side is not None for side in sides):
            with np.errstate(invalid="ignore"):
                return np.broadcast_to(compare(*sides), len(self.table))
        texts = [np.asarray(self._texts(side), dtype=str) for side in (a, b)]
        return np.broadcast_to(compare(*texts), len(self.table))

    def _value(self, node):
        if isinstance(node, ast.Name):
            return self._column(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self._value(node.operand)
            if isinstance(value, int | float):
                return -value
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
            return node.value
        raise _refused(self.text, f"may hold {ALLOWED}; got {ast.unparse(node)}")

    def _column(self, word):
        name = self.quoted.get(word, word)
        if name not in self.columns:
            listed = ", ".join(list(self.columns)[:12])
            near = nearest(name, self.columns)
            raise _refused(self.text, f"there is no column {name!r}{near} (columns: {listed})")
        return self.table[self.columns[name]].to_numpy()

    @staticmethod
    def _numbers(value):
        """Numbers of a side, or None where it holds text."""
        if isinstance(value, str):
            return None
        if isinstance(value, int | float):
            return float(value)
        try:
            numbers = np.asarray([np.nan if x is None else x for x in value.tolist()], dtype=float)
        except (TypeError, ValueError):
            return None
        return numbers if numbers.ndim == 1 else None

    @staticmethod
    def _texts(value):
        if isinstance(value, np.ndarray):
            return [str(x).strip() for x in value.tolist()]
        return str(value)

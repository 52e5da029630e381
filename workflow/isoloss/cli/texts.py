"""Results as text for a terminal."""

from isoloss.fit.text import columns, number, ranges

__all__ = ["columns", "number", "ranges"]

"""One line on a terminal about a fit that takes long: what is being fitted, how much is done.

Fits report to whoever asked for it with `shown`; else `phase` and `advance` do nothing.
"""

import contextlib
import contextvars
import time
from collections.abc import Callable, Iterator
from typing import TextIO

AFTER_S = 2.0  # a shorter wait needs no explanation
EVERY_S = 0.1


class Line:
    """A line that is written over itself, from `AFTER_S` seconds after it was made.

    Parameters
    ----------
    stream : file
        Nothing is written unless it is a terminal.
    name : str
        The start of the line.
    clock : callable
        Returns a time in seconds.
    """

    def __init__(self, stream: TextIO, name: str, clock: Callable[[], float]):
        self.stream, self.name, self.clock = stream, name, clock
        self.start_s, self.last_s = clock(), -float("inf")
        self.terminal, self.width = stream.isatty(), 0

    def write(self, what: str, done: int, total: int | None) -> None:
        """Say what is done, unless that was said a moment ago."""
        now_s = self.clock()
        if not self.terminal or now_s - self.start_s < AFTER_S or now_s - self.last_s < EVERY_S:
            return
        count = "" if total is None else f"{min(done, total):,} of {total:,} "
        text = f"{self.name}: {count}{what} ({now_s - self.start_s:.0f} s)"
        self.stream.write(f"\r{text:{self.width}}")
        self.stream.flush()
        self.width, self.last_s = len(text), now_s

    def clear(self) -> None:
        """Wipe the line, so that results follow on a clean one."""
        if self.width:
            self.stream.write(f"\r{'':{self.width}}\r")
            self.stream.flush()
            self.width = 0


LINE: contextvars.ContextVar[Line | None] = contextvars.ContextVar("line", default=None)
PHASE: contextvars.ContextVar[dict | None] = contextvars.ContextVar("phase", default=None)


@contextlib.contextmanager
def shown(stream: TextIO, name: str, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Show the progress of all fits within, as `Line` describes."""
    line = Line(stream, name, clock)
    token = LINE.set(line)
    try:
        yield
    finally:
        LINE.reset(token)
        line.clear()


@contextlib.contextmanager
def phase(what: str, total: int | None = None) -> Iterator[None]:
    """Name what is being fitted, and how many fits that takes in all, where that is known."""
    line = LINE.get()
    if line is None:
        yield
        return
    token = PHASE.set({"what": what, "done": 0, "total": total})
    try:
        line.write(what, 0, total)
        yield
    finally:
        PHASE.reset(token)
        line.clear()


def advance(number: int) -> None:
    """Count fits of the present phase as done."""
    line, now = LINE.get(), PHASE.get()
    if line is not None and now is not None:
        now["done"] += number
        line.write(**now)


def reached(done: int, total: int) -> None:
    """Say how much of the present phase is done, where it is known as a whole."""
    line, now = LINE.get(), PHASE.get()
    if line is not None and now is not None:
        now |= {"done": done, "total": total}
        line.write(**now)

"""Logs that training scripts print: nanoGPT, llm.c, nanochat, torchtitan and Megatron-LM.

Each has a `printed_tools.Tool`, whose lines are found by their beginning. A line whose beginning is
known and whose numbers are none is an error with its number. A last line without its end is left
out: a run may be going on. A script that was resumed prints into the same file: it goes back in its
steps, and a new stretch begins there.
"""

from __future__ import annotations

import re
from pathlib import Path

from isoloss.errors import UserError
from isoloss.logs.printed_tools import TOOLS, Tool
from isoloss.logs.records import Log, Place, series

NAME = "printed"
ENDINGS = (".log", ".txt", ".out", ".err", ".stdout", "")
COLOUR = re.compile(r"\x1b?\[\d{1,3}(?:;\d+)*m")
BEGINS = 4_000_000  # characters in which a tool is recognised
MOST_PROBLEMS = 8
RECOGNISED: dict[tuple, type[Tool] | None] = {}


def place_of(path: Path) -> Path | None:
    """The folder of a log: those beside it may be of the same run, resumed."""
    if path.suffix not in ENDINGS or path.name.startswith(".") or _tool(path) is None:
        return None
    return path.parent


def _tool(path: Path) -> type[Tool] | None:
    """The tool that printed a file, or None."""
    try:
        state = path.stat()
        key = (str(path), state.st_size, state.st_mtime_ns)
        if key not in RECOGNISED:
            with path.open("rb") as file:
                begin = file.read(BEGINS)
            text = "" if b"\0" in begin[:1024] else begin.decode("utf-8", errors="replace")
            text = COLOUR.sub("", text)
            RECOGNISED[key] = next((tool for tool in TOOLS if tool.signature.search(text)), None)
        return RECOGNISED[key]
    except OSError:
        return None


def read(place: Place) -> list[Log]:
    """The stretches of each run.

    Raises
    ------
    UserError
        Lines of losses hold no numbers.
    """
    logs: list[Log] = []
    of_main = {tool for path in place.files if (tool := _tool(path)) and path.name == tool.main}
    said: list[Tool] = []
    for path in place.files:
        tool = _tool(path)
        if tool is None:
            continue
        together = tool in of_main
        name = place.name if together else f"{place.name}/{path.stem}"
        one, stretches = _stretches(path, tool, name)
        if not together:
            for log in stretches:
                one.settings(log)
        else:  # what is printed beside it has the settings
            said.append(one)
            stretches = stretches if path.name == tool.main else []
        logs += stretches
    for log in (log for log in logs if log.run == place.name):
        for one in said:
            one.settings(log)
    return logs


def _stretches(path: Path, tool: type[Tool], name: str) -> tuple[Tool, list[Log]]:
    """A tool that has read a file, and a log for each stretch of it."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise UserError(str(path), [f"could not be read: {error.strerror or error}"]) from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cut = lines.pop()
    one = tool()
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        plain = COLOUR.sub("", line).rstrip()
        try:
            one.line(plain)
        except (ValueError, OverflowError):
            problems.append(f"line {number}: a number is none, got {plain.strip()!r:.80}")
    if problems:
        more = len(problems) - MOST_PROBLEMS
        rest = [f"and {more} lines more"] if more > 0 else []
        raise UserError(str(path), [*problems[:MOST_PROBLEMS], *rest])
    logs = []
    for points in one.whole():
        log = Log(name, path, may_resume=True)
        for tag, values in points.items():
            log.tags[tag] = series(values, *tool.kinds[tag])
        log.notes += one.notes
        log.status = one.status
        logs.append(log)
    if cut.strip() and logs:
        logs[-1].notes.append(f"{path.name}: the last line has no end and is left out")
    return one, logs

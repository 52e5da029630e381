"""Snakemake's log on the terminal while isoloss runs: one line of progress, and every failure.

A dry run shows a few jobs of each rule, with the reason, and counts the others. With --verbose or
--printshellcmds, everything looks as it does without this plugin. The complete log is in
.snakemake/log.
"""

import logging
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from isoloss.runtime.folder_lock import locked_message
from isoloss.runtime.progress import Progress
from snakemake_logger_plugin_isoloss.dry_run import Plan

REFRESH_S = {True: 1.0, False: 30.0}  # on a terminal, elsewhere
LOG_LINES = 15  # of a failed job's log
NOTHING_TO_DO = "Nothing to be done"
WORTH_SHOWING = (NOTHING_TO_DO, "Unlocked", "Restored ")
# A user's mistake, inside of what Snakemake says of the exception that carried it.
MISTAKE = re.compile(r"^(?: *UserError: )?(.+: \d+ problems?\n(?:  - .*(?:\n|\Z))+)", re.MULTILINE)
# A job's line says what a person calls it: the wildcards that name it.
NAMING = ("run_id", "trunk_id", "stack_id", "corpus_id", "study", "name")


class LogHandler(LogHandlerBase):
    """The handler of log records that `logger: isoloss` in a profile names."""

    def __post_init__(self) -> None:
        # Snakemake imports every plugin at each start; the pipeline is for those who use this one.
        from isoloss.pipeline.snakemake_internals import terminal_handler

        settings = self.common_settings
        self.stream = sys.stdout if settings.stdout else sys.stderr
        self.snakemakes = terminal_handler(settings, self.stream)
        self.quiet = bool(settings.quiet)
        self.as_snakemake = settings.dryrun or settings.verbose or settings.debug_dag
        self.plan = Plan() if settings.dryrun and not _asks_for_all(settings) else None
        self.terminal = self.stream.isatty()
        self.progress = Progress()
        self.shown_s = 0.0
        self.line_open = False
        self.last_line = ""
        self.last_lines = list  # a function: what to say at the end, if anything was done
        self.ended = False
        self.closed = threading.Event()
        if self.terminal and not self.as_snakemake:
            threading.Thread(target=self._tick, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, or update the progress from it."""
        if mistake := _mistake(record):
            self._end_line()
            self._write(f"{mistake}\n")
            return
        self._look_ahead(record)
        if self.plan and not self.quiet and (text := self.plan.text(record)) is not None:
            self._write(text)
            return
        if self.as_snakemake:
            self.snakemakes.handle(record)
            return
        try:
            self._update(record)
        except Exception:
            self.handleError(record)  # as every handler of logging does: a log never ends a run

    def _look_ahead(self, record: logging.LogRecord) -> None:
        """Note what is to be said at the end, and whether jobs run or all is there already."""
        self.last_lines = getattr(record, "isoloss_last_lines", self.last_lines)
        started = getattr(record, "event", None) == LogEvent.JOB_INFO
        self.ended |= started or record.getMessage().startswith(NOTHING_TO_DO)

    def close(self) -> None:
        """Leave the terminal with the last line of progress whole."""
        self.closed.set()
        if self.progress.start_s is not None and not self.as_snakemake:
            self._show()
        if self.line_open:
            self._write("\n")
        if self.ended and not (self.quiet or self.common_settings.dryrun):
            self._write("".join(f"{line}\n" for line in self.last_lines()))
        self.ended = False  # Snakemake closes a handler twice
        super().close()

    def _update(self, record: logging.LogRecord) -> None:
        progress, now_s = self.progress, time.monotonic()
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                progress.n_jobs = {k: n for k, n in record.stats.items() if k != "total"}
            case LogEvent.RESOURCES_INFO:
                progress.cores = getattr(record, "cores", None) or progress.cores
            case LogEvent.JOB_INFO:
                wildcards = record.wildcards or {}
                name = "/".join(str(wildcards[key]) for key in NAMING if key in wildcards)
                progress.started(record.jobid, record.rule_name, name, now_s)
            case LogEvent.JOB_FINISHED:
                progress.finished(record.job_id, now_s)
            case LogEvent.JOB_ERROR:
                self._failed(record)
            case LogEvent.SHELLCMD if self.common_settings.printshellcmds:
                self._pass_on(record)
            case None | LogEvent.ERROR:
                costs = getattr(record, "isoloss_costs", None)
                if costs is not None:
                    progress.costs = costs
                elif self._worth_showing(record):
                    self._pass_on(record)
        # Not when a job has just finished: the one that takes its place is about to start.
        due = now_s - self.shown_s >= REFRESH_S[self.terminal]
        if due and getattr(record, "event", None) == LogEvent.JOB_INFO:
            self._show()

    def _worth_showing(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.levelno < logging.WARNING:
            return text.startswith(WORTH_SHOWING)
        # The end of the job's log has been shown: the whole command says nothing more.
        return "CalledProcessError" not in text

    def _failed(self, record: logging.LogRecord) -> None:
        job = self.progress.failed_job(record.jobid)
        name = job.name if job else record.rule_name
        lines = [f"{record.rule_name} {name} failed."]
        for path in map(Path, filter(None, [str(path) for path in record.log or []])):
            tail = path.read_text(errors="replace").splitlines() if path.is_file() else []
            if tail:
                lines += [f"  {path} ends with:", *(f"    {line}" for line in tail[-LOG_LINES:])]
        self._end_line()
        self._write("\n".join(lines) + "\n")

    def _pass_on(self, record: logging.LogRecord) -> None:
        self._end_line()
        self.snakemakes.handle(record)

    def _show(self) -> None:
        if self.quiet:
            return
        self.shown_s = time.monotonic()
        line = self.progress.line(self.shown_s)
        if self.terminal:
            self._write(f"\r\x1b[2K{line}")
            self.line_open = True
        elif line != self.last_line:
            self._write(f"{line}\n")
            self.last_line = line

    def _end_line(self) -> None:
        if self.line_open:
            self._write("\r\x1b[2K")
            self.line_open = False

    def _tick(self) -> None:
        while not self.closed.wait(REFRESH_S[True]):
            with self.lock:
                if self.progress.start_s is not None:
                    self._show()

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    @property
    def writes_to_stream(self) -> bool:
        """Whether this takes the place of Snakemake's own output."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether this writes a file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether records are chosen here."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether records are given their form here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether the graph of rules is wanted."""
        return False


def _asks_for_all(settings: Any) -> bool:
    return settings.verbose or settings.debug_dag or settings.printshellcmds


def _mistake(record: logging.LogRecord) -> str:
    """The message of an error that the user can mend; "" for any other record."""
    from isoloss.pipeline.snakemake_internals import LOCK_ERROR

    if getattr(record, "exception", None) == LOCK_ERROR:
        return locked_message(".snakemake")
    found = MISTAKE.search(record.getMessage()) if record.levelno >= logging.ERROR else None
    return found[1].rstrip() if found else ""

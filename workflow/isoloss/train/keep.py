"""Checkpoints of a training, and an orderly end when a signal asks the job to stop."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isoloss.errors import Interrupted, UserError
from isoloss.runtime.job import LAST_STATES
from isoloss.train.loop import Trainer
from isoloss.train.state import State, load_state, save_state

INTERVAL = "ISOLOSS_CHECKPOINT_S"  # seconds between two checkpoints
INTERVAL_S = 60.0
LEAST_RATIO = 50  # least ratio of the time between checkpoints to the time of one: 2 %


class Keeper:
    """Writes a trainer's state at intervals, and once more when a signal asks the job to end.

    Parameters
    ----------
    path : path
        The checkpoint.
    about : mapping
        The run and the code of the state. A state of another run or code is not continued.
    """

    def __init__(self, path: str | Path, about: Mapping[str, Any]):
        self.path, self.about = Path(path), dict(about)
        self._interval_s = float(os.environ.get(INTERVAL, INTERVAL_S))
        self._next_s = time.monotonic() + self._interval_s
        self._told_to_end: int | None = None

    def found(self) -> State | None:
        """The state to continue, if there is an undamaged one of this run and code."""
        if not self.path.exists():
            return None
        try:
            state = load_state(self.path)
        except UserError as error:
            print(f"isoloss: {error}; starting again", file=sys.stderr)
            return None
        if state.about != self.about:
            other = sorted(key for key in self.about if state.about.get(key) != self.about[key])
            print(f"isoloss: {self.path} has another {' and '.join(other)}; starting again",
                  file=sys.stderr)  # fmt: skip
            return None
        print(f"isoloss: going on from step {state.step} ({self.path})", file=sys.stderr)
        return state

    def __call__(self, trainer: Trainer) -> None:
        """After a step: write the state if the interval has passed.

        Raises
        ------
        Interrupted
            A signal asked the job to end.
        """
        if self._told_to_end is None and time.monotonic() < self._next_s:
            return
        begun_s = time.monotonic()
        save_state(self.path, trainer.state(), self.about)
        now_s = time.monotonic()
        self._next_s = now_s + max(self._interval_s, LEAST_RATIO * (now_s - begun_s))
        if self._told_to_end is not None:
            name = signal.Signals(self._told_to_end).name
            raise Interrupted(f"{name} at step {trainer.step}: kept in {self.path}, to go on from")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT as a request to end after the present step."""

        def told(number: int, _: Any) -> None:
            self._told_to_end = number

        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, told) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def keep_last(self, trainer: Trainer) -> None:
        """Write the state after the last step, if `LAST_STATES` asks for it."""
        # Patience is checked at evaluations only, so a state after its end would train on.
        if os.environ.get(LAST_STATES) and not trainer.stopped_early:
            save_state(self.path, trainer.state(), self.about)

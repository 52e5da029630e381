"""Train a piece of a trunk: the steps that runs of several lengths share."""

from dataclasses import replace
from typing import Any

from isoloss.train.session import Session
from isoloss.train.state import State


def train_piece(session: Session) -> tuple[State, dict[str, Any]]:
    """Train to the end of the piece; return the state that runs continue, and its `about`.

    `about` has the reason if the piece diverged.
    """
    reason = session.train(to_be_continued=True)
    code = session.machine()["code"]
    about = session.about | {"code": code} | ({"diverged": reason} if reason else {})
    # The runs check for divergence as if each had been trained from the start.
    state = replace(session.trainer.state(), rows=session.trainer.rows, step=session.facts.steps)
    return state, about

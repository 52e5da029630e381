"""Train a piece of a trunk: the steps that runs of several lengths share."""

from dataclasses import replace
from typing import Any

from isoloss.train.session import Session
from isoloss.train.state import State


def train_piece(session: Session) -> tuple[State, dict[str, Any]]:
    """Train to the end of the piece: the state for others to go on from, and whose it is.

    The state of a piece that diverged says so.
    """
    reason = session.train(to_be_continued=True)
    code = session.machine()["code"]
    about = session.about | {"code": code} | ({"diverged": reason} if reason else {})
    # The cooldowns judge divergence as if they had been trained from the start.
    state = replace(session.trainer.state(), rows=session.trainer.rows, step=session.problem.steps)
    return state, about

"""A training job: build the problem, resume from its state, train, write checkpoints."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from isoloss.config.runs import Run
from isoloss.errors import UserError
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.runtime.job import DEVICE, KERNEL
from isoloss.tasks.evaluations import octave_steps
from isoloss.tasks.kernel import THEN
from isoloss.train.engines.choose import engine_for
from isoloss.train.keep import Keeper
from isoloss.train.loop import Trainer, TrainingDiverged
from isoloss.train.state import State, load_state


class Session:
    """One training job.

    Parameters
    ----------
    run : Run
    arguments : Namespace
        Its seed and checkpoint, as `add_training_arguments` defines them.
    corpus : Corpus, optional
        The text that the run reads, if its task reads one.
    of : str
        The id of the run or of the trunk.
    trunk : path, optional
        The state to begin with, if the job has no checkpoint of its own.

    Raises
    ------
    UserError
        The corpus is too small, or the trunk's file is missing, damaged, of another trunk or of
        another kernel.
    """

    def __init__(
        self, run: Run, arguments: argparse.Namespace, corpus: Any, *, of: str, trunk: str | None
    ):
        self.run = run
        self.corpus = corpus
        self.engine = engine_for(
            run,
            arguments.seed,
            corpus,
            device=os.environ.get(DEVICE, "cpu"),
            kernel=os.environ.get(KERNEL, "auto"),
        )
        self.facts = self.engine.facts
        self.trainer = Trainer(self.engine, run.training)
        self.code = training_fingerprint(run.task.kind)
        self.about = {
            "of": of,
            "code": self.code,
            "kernel": self.engine.kernel,
            "device": self.engine.device,
        }
        self.trunk = _trunk(trunk, self.engine.kernel) if trunk else None
        self.keeper = Keeper(arguments.checkpoint, self.about) if arguments.checkpoint else None
        self.before_s = (0.0, 0.0)  # wall-clock time with its trunk; CPU time of this job
        state = self.keeper and self.keeper.found()
        if state:
            self.trainer.load(state)
            self.before_s = (state.elapsed_s, state.cpu_s)
        elif self.trunk and "diverged" not in self.trunk.about:
            self.trainer.load(self.trunk, own=False)
            self.before_s = (self.trunk.elapsed_s, 0.0)

    def train(self, *, to_be_continued: bool = False) -> str | None:
        """Train to the end; return the reason if the run diverged.

        A trunk, which is `to_be_continued`, has no evaluation at its last step.
        """
        if self.trunk and "diverged" in self.trunk.about:
            self.trainer.rows = self.trunk.rows
            return self.trunk.about["diverged"]
        steps = octave_steps(self.facts.steps, self.run.training) if to_be_continued else None
        try:
            if self.keeper is None:
                self.trainer.run(steps)
            else:
                with self.keeper.listening():
                    self.trainer.run(steps, self.keeper)
                self.keeper.keep_last(self.trainer)
        except TrainingDiverged as error:
            return str(error)
        return None

    def trunk_columns(self) -> dict[str, Any]:
        """The columns of the row about the trunk that the run continues."""
        if self.trunk is None:
            return {}
        flops = self.trunk.step * self.facts.flops_per_step
        return {"trunk": self.trunk.about["of"], "trunk_flops": flops}

    @property
    def kernel(self) -> str:
        """What computed the run, with its trunk: two kernels if they differ."""
        own = self.engine.kernel
        before = self.trunk.about["kernel"] if self.trunk else own
        return own if before == own else f"{before}{THEN}{own}"

    def machine(self) -> dict[str, Any]:
        """The machine that trained the run, and the fingerprint of the training code."""
        # The trunk may have been trained by other code; then its fingerprint counts.
        code = self.trunk.about["code"] if self.trunk else self.code
        return {
            "device": self.engine.device,
            "kernel": self.kernel,
            "corpus": self.corpus and self.corpus.card,
            "code": code,
        } | self.engine.about()


def _trunk(path: str, kernel: str) -> State:
    """The state of a trunk, for a run that a kernel trains."""
    try:
        state = load_state(path)
    except UserError as error:
        problems = [f"{problem}; remove the file to redo it" for problem in error.problems]
        raise UserError(error.where, problems) from error
    if state.about.get("of") != Path(path).stem:
        raise UserError(path, ["is the checkpoint of another trunk; remove the file to redo it"])
    before = str(state.about.get("kernel"))
    if before.split()[0] != kernel.split()[0]:
        problem = (
            f"was trained by the kernel {before}, and the run would go on with {kernel}: their last"
            " bits differ. Remove the file to redo it, or set `kernel` in the config"
        )
        raise UserError(path, [problem])
    if before != kernel:
        print(f"isoloss: {path} was trained by {before}; going on with {kernel}", file=sys.stderr)
    return state

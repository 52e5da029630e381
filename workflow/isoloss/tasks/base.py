"""The base of tasks: a task is a kind of run, with all facts for planning, training and tables.

A task is one module or one folder. It has a model of its settings (a subclass of
`isoloss.config.runs.Run`), and a subclass of `Trained` or of `Solved` of which `isoloss.tasks` has
one object. Planning imports the task without PyTorch, so its method `build` imports PyTorch.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isoloss.config.runs import Optimisation, Run
from isoloss.counting import BYTES, Cost, six_nd_columns
from isoloss.tasks import memory

if TYPE_CHECKING:
    import torch

    from isoloss.tables.schema import Column
    from isoloss.tasks.problem import ArrayProblem, Problem

# Columns of a run's row that follow from its settings; a task fills in those that it has.
OF_SETTINGS = (
    *("target", "n_inputs", "noise_sd", "degree", "model", "width", "n_layer", "n_loop", "n_head"),
    *("d_ff", "context", "dropout", "n_samples", "batch_size", "schedule", "peak_lr"),
    "weight_decay",
)
PROBE_TOKENS = 8192  # least held-out tokens where the speed of a machine is measured


def planning(method: Callable) -> Callable:
    """Mark a method that only plans: the fingerprint of the training code leaves it out."""
    return method


@dataclass(frozen=True)
class KnownCorpus:
    """Facts about a corpus that the plan needs before the corpus is prepared."""

    corpus_id: str
    max_train_tokens: int | None = None  # the most tokens to train on; None: not known yet
    max_heldout_tokens: int | None = None
    vocab_size: int = 256  # a guess where it depends on the text
    elsewhere: tuple[str, ...] | None = None  # names of its other texts; None: not known


class Task(ABC):
    """A kind of run.

    Attributes
    ----------
    name : str
        `task.kind` in a study's settings.
    Run : type
        The model of a run's settings.
    module : str
        The module that trains or solves a run, imported when the run starts; "": the module of the
        class.
    length : str
        The key of `data` with the length of a run.
    measures : tuple of Column
        Columns of runs and of curves that no other task has. Only a task from outside the package
        has some; `isoloss.tables.schema` lists the columns of the package's tasks.
    """

    name: str
    Run: type[Run]
    module: str = ""
    length: str = "n_samples"
    measures: "tuple[Column, ...]" = ()

    @abstractmethod
    def cost(self, run: Run, vocab_size: int | None = None) -> Cost:
        """Count the cost of a run; `vocab_size` is that of its corpus, if it reads one."""

    @planning
    @abstractmethod
    def readable_name(self, run: Run) -> str:
        """A name by which people recognise a run: task, size, data. It begins the run's id."""

    def settings_columns(self, run: Run) -> dict[str, Any]:
        """The columns of the run's row that follow from its settings: some of `OF_SETTINGS`."""
        return {}

    def columns(self, run: Run) -> dict[str, Any]:
        """All columns of `OF_SETTINGS`; None for those that the task does not have."""
        return dict.fromkeys(OF_SETTINGS) | {"target": self.name} | self.settings_columns(run)

    @planning
    def planned_columns(self, run: Run, vocab_size: int | None = None) -> dict[str, Any]:
        """The columns of a run's row that are known before training.

        Without `vocab_size`, the columns that depend on the vocabulary are left out.
        """
        cost = self.cost(run, vocab_size or BYTES)
        seen = cost.n_tokens or cost.steps * cost.samples_per_step
        columns = self.columns(run)
        logits = vocab_size and vocab_size * columns["width"]
        columns |= {
            "n_params_non_embedding": cost.n_params_non_embedding,
            "n_tokens": cost.n_tokens,
            "steps": cost.steps,
        }
        if vocab_size or self.corpus_of(run) is None:
            columns |= {"n_params": cost.n_params, "compute_flops": cost.flops}
            columns |= six_nd_columns(
                cost.n_params, cost.n_params_non_embedding, seen, logits=logits
            )
        return {name: value for name, value in columns.items() if value is not None}

    @planning
    def memory_bytes(
        self, run: Run, vocab_size: int | None = None, *, mixed: bool = False
    ) -> float:
        """Peak memory of a run's job in bytes, on the device with its model and activations.

        Parameters
        ----------
        run : Run
        vocab_size : int
            Vocabulary size of the run's corpus, if it reads one.
        mixed : bool
            Whether matrix products are in bfloat16, as on a GPU.
        """
        return memory.of_parameters(self.cost(run, vocab_size).n_params)

    def training(self, run: Run) -> Optimisation | None:
        """The settings of a run's training; None if the run is solved in closed form."""
        return None

    @planning
    def corpus_of(self, run: Run) -> str | None:
        """The corpus that a run reads, by its name in the study; None if it reads none."""
        return None

    @planning
    def with_corpus(self, run: Run, corpus: KnownCorpus) -> Run:
        """The run with the identity of its corpus in place of the name.

        Raises
        ------
        UserError
            The corpus has less text than the run needs.
        """
        raise NotImplementedError(f"the task {self.name} reads a corpus and has no `with_corpus`")

    @planning
    def beginning(self, run: Run) -> tuple[Run, int] | None:
        """The steps that a run shares with longer runs, as a run of its own, and their number.

        None if a run's first steps depend on its length.
        """
        return None

    @planning
    def probe(self, run: Run) -> Run:
        """The run with little data but its own model, batch and optimiser, to time a step."""
        return run


class Trained(Task):
    """A task whose runs are trained in steps; its settings have a section `training`."""

    def arrays(self, run: Run, seed: int, corpus: Any) -> "ArrayProblem | None":
        """The model's shape, its initial weights, the batches and the losses of a run, in arrays.

        None for a task that has only `build`. Every random number follows from `seed` and a step,
        so that a run can resume at any step.
        """
        if not self.module:
            return None
        return importlib.import_module(self.module).arrays(run, seed, corpus)

    def build(self, run: Run, seed: int, corpus: Any, device: "torch.device") -> "Problem":
        """The PyTorch model, the batches and the losses of a run.

        A task with a model of its own overrides this method. Every random number follows from
        `seed` and a step.
        """
        pytorch = importlib.import_module("isoloss.tasks.pytorch")
        return pytorch.problem_of(self.arrays(run, seed, corpus), device)

    def training(self, run: Run) -> Optimisation:
        """The settings of a run's training."""
        return run.training

    def columns(self, run: Run) -> dict[str, Any]:
        """All columns of `OF_SETTINGS`, with those of the training."""
        columns, training = super().columns(run), self.training(run)
        return columns | {
            "batch_size": training.batch_size,
            "schedule": training.schedule,
            "peak_lr": training.lr_at_width(columns["width"]),
            "weight_decay": training.weight_decay,
        }


class Solved(Task):
    """A task whose runs have their result in closed form, without PyTorch."""

    def solve(self, run: Run, seed: int) -> dict[str, Any]:
        """The measured columns of a run's row: n_params, n_samples, loss and more."""
        return importlib.import_module(self.module).solve(run, seed)


def small_cost(*, n_params: int, **counted: int) -> Cost:
    """The cost of a model without embeddings, in a task without tokens."""
    return Cost(n_params=n_params, n_params_non_embedding=n_params, tokens_per_step=None, **counted)

"""A stack: models of one shape that PyTorch trains side by side, each with its own data and rates.

Small models leave a GPU idle, because a step is a hundred kernels of microseconds. A stack does the
step of all its models with as many kernels as one model needs, and a CUDA graph launches them at
once. `isoloss.train.engines.pytorch` is the same for one model, and its checkpoints are the same.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isoloss.config.runs import Optimisation
from isoloss.models.next_token import on_device
from isoloss.models.precision import Precision
from isoloss.models.shapes import MlpShape
from isoloss.models.stacked import StackedMlp, StackedTransformer
from isoloss.runtime.fingerprint import STACKED, stack_fingerprint
from isoloss.tasks.problem import ArrayProblem
from isoloss.train.engines.base import Sums
from isoloss.train.stacked.batches import Batches
from isoloss.train.stacked.judge import Judge
from isoloss.train.stacked.optim import StackedAdamW

WARM_UP = 3  # steps before a graph is recorded, in which libraries choose their kernels
MOST_APART = 0.05  # of a graph's first step from the same step without a graph: sums have no order

Record = Callable[[Callable[[], None]], Callable[[], None]]


class Stack:
    """Models of one shape and their optimiser between two steps.

    Parameters
    ----------
    problems : sequence of ArrayProblem
        One per member; all have the same shape, batch and held-out data.
    trainings : sequence of Optimisation
        Of each member, without `noise_scale`.
    batches : Batches
        Of the members, on the device.
    precision : Precision, optional
        Number format of a transformer's products, and compiler; None: float32, not compiled.
    record : callable, optional
        Makes a recording of a step, as `cuda_graph` does; None: each step is computed anew.
    dtype : torch.dtype
        Of weights and moments.
    """

    def __init__(
        self,
        problems: Sequence[ArrayProblem],
        trainings: Sequence[Optimisation],
        batches: Batches,
        precision: Precision | None = None,
        record: Record | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        torch.set_num_threads(1)
        self.problems, self.trainings, self.batches = problems, trainings, batches
        device = self._torch_device = batches.inputs.device
        self.device = device.type
        if self.device == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
        shape = problems[0].shape
        precision, mlp = precision or Precision(), isinstance(shape, MlpShape)
        self.model = StackedMlp(shape) if mlp else StackedTransformer(shape, precision.autocast)
        self._losses = self.model.losses
        if precision.compiler:
            self._losses = torch.compile(self._losses, backend=precision.compiler)
        self._layout = _Layout(problems[0].weights)
        rows = [self._layout.row(problem.weights) for problem in problems]
        # One leaf: its gradient is one matrix too, and a few kernels update all of it.
        self.parameters = torch.from_numpy(np.stack(rows)).to(device, dtype).requires_grad_()
        self.optimizer = StackedAdamW(self.parameters, self._layout.n_decaying, trainings)
        self._sums = torch.zeros(len(problems), dtype=dtype, device=device)
        self._rates = torch.zeros((len(problems), 1), dtype=torch.float64, device=device)
        self._judge = Judge(problems, self.model, device)
        self._answers: list[list[Any]] | None = None
        self._record, self._advance, self.recorded = record, self._compute, False

    def __len__(self) -> int:
        return len(self.problems)

    def step(self, steps: Sequence[int], rates: Sequence[float]) -> None:
        """Update each model from the batch of its own step, and add to its sum of losses.

        A model whose rate is 0 keeps its parameters.
        """
        self.batches.fill(steps)
        self._rates.copy_(on_device(np.array(rates)[:, None], self._torch_device))
        if self._record:
            self._advance, self._record = self._recording(self._record), None
        self._answers = None
        self._advance()

    def gradients(self) -> tuple[Tensor, Tensor]:
        """The losses, (R,), and the gradients, (R, n_params), of the batches that are there."""
        losses = self._losses(self._weights(), self.batches.inputs, self.batches.targets)
        # Each loss depends on its own row alone, so the sum's gradient has each model's own.
        (gradients,) = torch.autograd.grad(losses.sum(), self.parameters)
        return losses.detach(), gradients

    def _compute(self) -> None:
        losses, gradients = self.gradients()
        self._sums += losses
        self.optimizer.step(gradients, self._rates)

    def _weights(self) -> dict[str, Tensor]:
        return self._layout.views(self.parameters)

    def evaluate(self, member: int) -> dict[str, float]:
        """The held-out "loss" of a member and further columns; all are computed at once."""
        if self._answers is None:
            self._answers = self._judge.answers(self._weights())
        return self._judge.evaluate(member, self._answers[member])

    def _recording(self, record: Record) -> Callable[[], None]:
        """A recording of a step, if there can be one that does what the step does."""
        before = [tensor.clone() for tensor in self._state()]
        self._compute()
        expected = [tensor.clone() for tensor in self._state()]
        self._restore(before)
        try:
            recording = record(self._compute)
        except RuntimeError as error:
            print(f"isoloss: no CUDA graph of a step ({error}); going on without", file=sys.stderr)
            self._restore(before)
            return self._compute
        self._restore(before)
        recording()
        found = [tensor.clone() for tensor in self._state()]
        self._restore(before)
        apart = max(map(_apart, before, expected, found))
        if not apart <= MOST_APART:
            print(f"isoloss: the CUDA graph of a step is {apart:.2g} off; going on without",
                  file=sys.stderr)  # fmt: skip
            return self._compute
        self.recorded = True
        return recording

    def _state(self) -> list[Tensor]:
        """All that a step changes: of a fixed place in memory."""
        optimizer = self.optimizer
        return [
            self.parameters.detach(),
            optimizer.first,
            optimizer.second,
            optimizer.steps,
            self._sums,
        ]

    def _restore(self, saved: Sequence[Tensor]) -> None:
        for tensor, values in zip(self._state(), saved, strict=True):
            tensor.copy_(values)

    def about(self) -> dict[str, Any]:
        """Versions and machine of PyTorch, and the number of runs in the stack, for about.json."""
        cuda = self.device == "cuda"
        return {
            "device_name": torch.cuda.get_device_name(self._torch_device) if cuda else None,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "torch_capability": torch.backends.cpu.get_cpu_capability(),
            "stack": {"runs": len(self), "cuda_graph": self.recorded},
        }


class Member:
    """One model of a stack, as the training loop sees an engine; the stack does its steps."""

    def __init__(self, stack: Stack, index: int):
        self._stack, self._index = stack, index
        self.facts = self.problem = stack.problems[index]
        self.device, self.kernel = stack.device, kernel()

    def sums(self) -> Sums:
        """The sum of the training losses since `clear_sums`."""
        return Sums(self._stack._sums[self._index].item(), 0.0, 0.0)

    def clear_sums(self) -> None:
        """Begin the sum at zero."""
        self._stack._sums[self._index] = 0

    def evaluate(self) -> dict[str, float]:
        """The held-out "loss" and further columns."""
        return self._stack.evaluate(self._index)

    def tensors(self) -> dict[str, np.ndarray]:
        """What a checkpoint must keep, as `isoloss.train.engines.pytorch` names it."""
        arrays = {
            name: tensor[self._index].detach().cpu().numpy()
            for name, tensor in self._matrices().items()
        }
        tensors = {f"model.{name}": part for name, part in self._named(arrays["parameters"])}
        n_steps = np.float32(self._stack.optimizer.steps[self._index].item())
        optimizer = []
        for names in self._groups():
            for moment in ("first", "second"):
                parts = dict(self._named(arrays[moment]))
                optimizer += [parts[name] for name in names]
            optimizer += [np.array(n_steps)] * len(names)
        tensors |= {f"optimizer.{i}": values for i, values in enumerate(optimizer)}
        sums = np.zeros(3, arrays["parameters"].dtype)
        sums[0] = self._stack._sums[self._index].item()
        return tensors | {"sums": sums}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Continue from arrays that `tensors`, or an engine of PyTorch, returned."""
        stack, layout = self._stack, self._stack._layout
        found = {"parameters": {name: tensors[f"model.{name}"] for name in layout.shapes}}
        found |= {"first": {}, "second": {}}
        place = 0
        for names in self._groups():
            for moment in ("first", "second"):
                for name in names:
                    found[moment][name] = tensors[f"optimizer.{place}"]
                    place += 1
            stack.optimizer.steps[self._index] = float(tensors[f"optimizer.{place}"])
            place += len(names)
        for name, matrix in self._matrices().items():
            matrix[self._index] = torch.from_numpy(layout.row(found[name])).to(matrix)
        stack._sums[self._index] = float(tensors["sums"][0])

    def _matrices(self) -> dict[str, Tensor]:
        optimizer = self._stack.optimizer
        return {
            "parameters": self._stack.parameters,
            "first": optimizer.first,
            "second": optimizer.second,
        }

    def _named(self, row: np.ndarray):
        """The parts of a row by the names of the parameters, in their order."""
        return self._stack._layout.parts(row).items()

    def _groups(self) -> list[list[str]]:
        """The names in the order of the optimiser of `isoloss.train.optim`."""
        names = self._stack._layout.shapes
        if not self._stack.trainings[self._index].weight_decay:
            return [list(names)]
        matrices = [name for name, shape in names.items() if len(shape) >= 2]
        return [matrices, [name for name in names if name not in matrices]]

    def about(self) -> dict[str, Any]:
        """Versions and machine of PyTorch, for about.json."""
        return self._stack.about()


class _Layout:
    """Where the parameters of a model are in its row: first the matrices, which alone decay.

    Attributes
    ----------
    shapes : dict
        Name -> shape, in the order of the initial weights.
    n_decaying : int
        Numbers in all matrices.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]):
        self.shapes = {name: values.shape for name, values in weights.items()}
        self._ordered = sorted(self.shapes, key=lambda name: len(self.shapes[name]) < 2)
        self._sizes = [math.prod(self.shapes[name]) for name in self._ordered]
        self.n_decaying = sum(math.prod(s) for s in self.shapes.values() if len(s) >= 2)

    def row(self, weights: Mapping[str, np.ndarray]) -> np.ndarray:
        """The parameters of a model end to end."""
        return np.concatenate([np.ravel(weights[name]) for name in self._ordered])

    def parts(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters of a row by name."""
        ends = np.cumsum(self._sizes)[:-1]
        parts = dict(zip(self._ordered, np.split(row, ends), strict=True))
        return {name: parts[name].reshape(shape) for name, shape in self.shapes.items()}

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """The parameters of all rows by name, each (R, *shape)."""
        parts = rows.split(self._sizes, dim=1)
        return {
            name: part.unflatten(1, self.shapes[name])
            for name, part in zip(self._ordered, parts, strict=True)
        }


def kernel() -> str:
    """PyTorch's version, and the fingerprint of the code of stacks."""
    return f"torch {torch.__version__} {STACKED} {stack_fingerprint()}"


def cuda_graph(step: Callable[[], None]) -> Callable[[], None]:
    """Record a step as a CUDA graph, and return what replays it.

    Raises
    ------
    RuntimeError
        The step does something that a graph cannot hold.
    """
    present, stream = torch.cuda.current_stream(), torch.cuda.Stream()
    stream.wait_stream(present)
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    present.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _apart(before: Tensor, expected: Tensor, found: Tensor) -> float:
    """How far two changes of a tensor differ, as a share of the larger; 0 where both are NaN."""
    one, other = ((t - before).double().nan_to_num(0.0, 0.0, 0.0) for t in (expected, found))
    scale = max(one.norm().item(), other.norm().item())
    return (one - other).norm().item() / scale if scale else 0.0

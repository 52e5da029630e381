"""PyTorch as the engine: any `nn.Module`, on the CPU, on CUDA or on Apple's MPS."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isoloss.config.runs import Optimisation
from isoloss.tasks.problem import Problem
from isoloss.train.engines.base import Engine, Sums
from isoloss.train.optim import AdamW, clip_gradients


class PyTorch(Engine):
    """The model of a problem, trained by PyTorch's automatic differentiation."""

    def __init__(self, problem: Problem, training: Optimisation):
        torch.set_num_threads(1)
        self.facts = self.problem = problem
        self.training = training
        self.optimizer = AdamW(
            problem.model,
            beta1=training.beta1,
            beta2=training.beta2,
            weight_decay=training.weight_decay,
        )
        self._device = self.optimizer.parameters[0].device
        self.device = self._device.type
        # On the device, because reading each loss would wait for it.
        self._sums = torch.zeros(3, device=self._device)
        self._loss_sum, self._square_sum, self._noise_sum = self._sums.unbind()

    @property
    def kernel(self) -> str:
        """PyTorch's version, and the instruction set that it uses on a CPU."""
        version = f"torch {torch.__version__}"
        return f"{version} {capability()}" if self.device == "cpu" else version

    def step(self, step: int, lr: float) -> None:
        """Update the model from the batch of a step, and add to the sums."""
        problem, training = self.problem, self.training
        if problem.before_step:
            problem.before_step(step)
        self._backward(problem.batch(step))
        if training.clip_norm is not None:
            clip_gradients(self.optimizer.parameters, training.clip_norm)
        self.optimizer.step(lr)

    def _backward(self, batch: tuple[Tensor, ...]) -> None:
        if not self.training.noise_scale:
            self._loss_sum += self._gradients(batch)
            return
        half = len(batch[0]) // 2
        gradients = []
        for part in (slice(half), slice(half, None)):
            self._loss_sum += self._gradients([tensor[part] for tensor in batch]) / 2
            gradients.append([parameter.grad for parameter in self.optimizer.parameters])
        first, second = gradients
        difference = torch._foreach_sub(first, second)
        self._square_sum += sum((a * b).sum() for a, b in zip(first, second, strict=True))
        self._noise_sum += sum((d * d).sum() for d in difference) * (len(batch[0]) / 4)
        for parameter, a, b in zip(self.optimizer.parameters, first, second, strict=True):
            parameter.grad = (a + b) / 2

    def _gradients(self, batch: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
        """Set the gradients, and return the loss."""
        loss = self.problem.loss(self.problem.model, *batch)
        self.optimizer.zero_grad()
        loss.backward()
        return loss.detach()

    def sums(self) -> Sums:
        """The sums since `clear_sums`."""
        return Sums(*self._sums.tolist())

    def clear_sums(self) -> None:
        """Begin the sums at zero."""
        self._sums.zero_()

    def evaluate(self) -> dict[str, float]:
        """The held-out "loss" and further columns, without dropout."""
        model = self.problem.model
        model.eval()
        measured = self.problem.evaluate(model)
        model.train()
        return measured

    def tensors(self) -> dict[str, np.ndarray]:
        """The parameters by name, the optimiser's state in order, and the sums."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self._tensors().items()}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Continue from arrays that `tensors` returned."""
        for name, tensor in self._tensors().items():
            tensor.copy_(torch.from_numpy(tensors[name]))

    def _tensors(self) -> dict[str, Tensor]:
        model = {f"model.{name}": p for name, p in self.problem.model.named_parameters()}
        optimizer = {f"optimizer.{i}": t for i, t in enumerate(self.optimizer.state())}
        return model | optimizer | {"sums": self._sums}

    def about(self) -> dict[str, Any]:
        """Versions and machine of PyTorch, for about.json."""
        cuda = self.device == "cuda"
        return {
            "device_name": torch.cuda.get_device_name(self._device) if cuda else None,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "torch_capability": capability(),
        }


def capability() -> str:
    """The instruction set that PyTorch uses on this CPU: it decides the last bits of a loss."""
    return torch.backends.cpu.get_cpu_capability()


def pick_device(name: str) -> torch.device:
    """The device of a config; "auto" is CUDA, else Apple's MPS, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    return torch.device(name)

"""AdamW with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, Algorithm 2).

The arithmetic is PyTorch's own fused kernel, called without `torch.optim`. For models as small as
these, the overhead of `torch.optim` takes four times as long as the kernel. A `torch.optim`
optimiser also imports PyTorch's compiler. A test checks that both give the same bits.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class AdamW:
    """AdamW over a model's parameters; only matrices decay.

    Parameters
    ----------
    model : nn.Module
        The optimiser updates its parameters that require a gradient, in place.
    beta1, beta2 : float
        Decay of the moments.
    weight_decay : float
        Decoupled weight decay of parameters with two or more dimensions.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ):
        parameters = [p for p in model.parameters() if p.requires_grad]
        self.parameters = parameters
        matrices = [p for p in parameters if p.ndim >= 2]
        others = [p for p in parameters if p.ndim < 2]
        split = [(matrices, weight_decay), (others, 0.0)] if weight_decay else [(parameters, 0.0)]
        self._groups = [_Group(group, decay) for group, decay in split if group]
        self._constants = {
            "beta1": beta1,
            "beta2": beta2,
            "eps": eps,
            "amsgrad": False,
            "maximize": False,
        }

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update every parameter from its gradient, with learning rate `lr`."""
        for group in self._groups:
            torch._foreach_add_(group.steps, 1)
            torch._fused_adamw_(
                group.parameters,
                [p.grad for p in group.parameters],
                group.first_moments,
                group.second_moments,
                [],
                group.steps,
                lr=lr,
                weight_decay=group.weight_decay,
                **self._constants,
            )

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> list[Tensor]:
        """The tensors that a checkpoint must keep, in a fixed order."""
        return [tensor for group in self._groups for tensor in group.state()]

    def load_state(self, tensors: Iterable[Tensor]) -> None:
        """Load tensors that `state` returned."""
        for own, saved in zip(self.state(), tensors, strict=True):
            own.copy_(saved)


class _Group:
    """Parameters that share a weight decay, with their moments."""

    def __init__(self, parameters: list[nn.Parameter], weight_decay: float):
        self.parameters = parameters
        self.weight_decay = weight_decay
        self.first_moments = [torch.zeros_like(p) for p in parameters]
        self.second_moments = [torch.zeros_like(p) for p in parameters]
        self.steps = [torch.zeros((), device=p.device) for p in parameters]

    def state(self) -> list[Any]:
        return [*self.first_moments, *self.second_moments, *self.steps]


@torch.no_grad()
def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> None:
    """Scale the gradients down to a total norm of at most `max_norm`, without a device sync."""
    gradients = [p.grad for p in parameters]
    norms = torch._foreach_norm(gradients)
    total = torch.linalg.vector_norm(torch.stack(norms))
    torch._foreach_mul_(gradients, (max_norm / (total + 1e-6)).clamp(max=1.0))

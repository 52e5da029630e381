"""The PyTorch model of a problem in arrays, with the same initial weights and data."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.models.lstm import Lstm
from isoloss.models.mlp import Mlp
from isoloss.models.next_token import next_token_loss, on_device
from isoloss.models.precision import precision_for, prepare
from isoloss.models.shapes import LstmShape, TransformerShape
from isoloss.models.transformer import Transformer
from isoloss.tasks.problem import ArrayProblem, Facts, Problem

OF_TOKENS = {TransformerShape: Transformer, LstmShape: Lstm}


def problem_of(arrays: ArrayProblem, device: torch.device) -> Problem:
    """The problem with its model and its batches on a device."""
    kind = OF_TOKENS.get(type(arrays.shape))
    if kind is not None:
        flops = arrays.steps * arrays.flops_per_step
        model = kind(arrays.shape, arrays.weights)
        model = prepare(model, device, precision_for(device, arrays.steps, flops))
        return _problem(arrays, model=model, loss=next_token_loss, batch=_tokens(arrays, device))
    model = Mlp(arrays.shape, arrays.weights).to(device)
    return _problem(arrays, model=model, loss=training_loss, batch=_numbers(arrays, device))


def _problem(arrays: ArrayProblem, **more: Any) -> Problem:
    facts = {name: getattr(arrays, name) for name in Facts.__dataclass_fields__}
    return Problem(**facts, **more, evaluate=arrays.evaluate, before_step=_dropout_of(arrays))


def training_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error."""
    return functional.mse_loss(model(x), y)


def _dropout_of(arrays: ArrayProblem):
    """Set the random state of dropout from the step, so that a run can resume at any step."""
    seed = arrays.dropout_seed
    return seed and (lambda step: torch.manual_seed(seed(step)))


def _tokens(arrays: ArrayProblem, device: torch.device):
    def batch(step: int) -> tuple[Tensor, ...]:
        return tuple(on_device(ids, device).long() for ids in arrays.batch(step))

    return batch


def _numbers(arrays: ArrayProblem, device: torch.device):
    def batch(step: int) -> tuple[Tensor, ...]:
        return tuple(on_device(values, device) for values in arrays.batch(step))

    return batch

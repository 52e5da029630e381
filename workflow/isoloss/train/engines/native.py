"""The native kernel as the engine: transformers and MLPs in float32 on one core, no PyTorch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from isoloss import counting
from isoloss.config.runs import Optimisation
from isoloss.models.shapes import MlpShape
from isoloss.native import build
from isoloss.native.mlp import Mlp
from isoloss.native.optimiser import noise, update
from isoloss.native.transformer import Transformer
from isoloss.tasks.problem import ArrayProblem
from isoloss.train.engines.base import Engine, Sums

EPS = 1e-8  # of AdamW
MOMENTS = ("first", "second")


class Native(Engine):
    """The model of a problem in arrays, trained by the native kernel."""

    def __init__(self, problem: ArrayProblem, training: Optimisation):
        self.facts = self.problem = problem
        self.training = training
        self.kernel = f"native {build.facts()['abi']}"
        halves = 2 if training.noise_scale else 1
        self.model = _model(problem, batch_size=problem.samples_per_step // halves)
        self._sums = np.zeros(3)
        for name, values in self.model.tensors(self.model.parameters).items():
            values[...] = problem.weights[name]

    def step(self, step: int, lr: float) -> None:
        """Update the model from the batch of a step, and add to the sums."""
        training = self.training
        self._backward(*self.problem.batch(step))
        update(
            self.model,
            step=step,
            lr=lr,
            beta1=training.beta1,
            beta2=training.beta2,
            eps=EPS,
            weight_decay=training.weight_decay,
            clip_norm=training.clip_norm,
        )

    def _backward(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        """Set the gradients, and add to the sums."""
        if not self.training.noise_scale:
            self._sums[0] += self.model.backward(inputs, targets)
            return
        half = len(inputs) // 2
        self._sums[0] += self.model.backward(inputs[:half], targets[:half]) / 2
        second = self.model.gradients
        first = second.copy()
        self._sums[0] += self.model.backward(inputs[half:], targets[half:]) / 2
        square, difference = noise(first, second)
        self._sums[1:] += square, difference * (len(inputs) / 4)
        second += first
        second /= 2

    def sums(self) -> Sums:
        """The sums since `clear_sums`."""
        return Sums(*self._sums.tolist())

    def clear_sums(self) -> None:
        """Begin the sums at zero."""
        self._sums[:] = 0

    def evaluate(self) -> dict[str, float]:
        """The held-out "loss" and further columns."""
        return self.problem.evaluate(self)

    def loss_sum(self, ids: np.ndarray, targets: np.ndarray) -> float:
        """The sum of the losses of all targets, in nats."""
        return self.model.evaluate(ids, targets)[0]

    def loss_and_matches(self, ids: np.ndarray, targets: np.ndarray) -> tuple[float, int]:
        """The sum of the losses, and the number of sequences without an error."""
        return self.model.evaluate(ids, targets)

    def loss_by_position(self, ids: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The sum over all sequences of the losses at each position, shape (n_targets,)."""
        return self.model.loss_by_position(ids, targets)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Map x of shape (n, n_inputs) to (n, 1), float32."""
        return self.model.predict(x)

    def tensors(self) -> dict[str, np.ndarray]:
        """The parameters by name, the moments of all parameters end to end, and the sums."""
        named = self.model.tensors(self.model.parameters).items()
        model = {f"model.{name}": values for name, values in named}
        moments = {name: getattr(self.model, f"{name}_moments") for name in MOMENTS}
        return model | moments | {"sums": self._sums}

    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Continue from arrays that `tensors` returned."""
        for name, values in self.tensors().items():
            values[...] = tensors[name]

    def about(self) -> dict[str, Any]:
        """Versions of the kernel, for about.json."""
        return {"threads": 1, "native": build.facts()}


def _model(problem: ArrayProblem, batch_size: int) -> Transformer | Mlp:
    shape = problem.shape
    if isinstance(shape, MlpShape):
        return Mlp(**vars(shape))
    model = shape.model
    return Transformer(
        vocab_size=shape.vocab_size,
        context=shape.context,
        n_layer=model.n_layer,
        d_model=model.d_model,
        n_head=model.n_head,
        d_ff=counting.d_ff(model),
        tie_embeddings=model.tie_embeddings,
        batch_size=batch_size,
    )

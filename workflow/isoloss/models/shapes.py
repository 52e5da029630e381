"""The parameters of each model: names, shapes and initial values, whatever computes the model."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoloss import counting
from isoloss.config import runs

if TYPE_CHECKING:
    from isoloss.tasks.streams import Stream

LOGIT_SD = 0.25  # of the untrained model: small enough that its loss is ln(vocab_size)


@dataclass(frozen=True, kw_only=True)
class TransformerShape:
    """A GPT-style decoder: see `isoloss.models.transformer`.

    Attributes
    ----------
    model : runs.Transformer
        Layers, widths, heads and dropout; of a recurrent one, how often the blocks are applied.
    vocab_size : int
        Different token ids.
    context : int
        The longest sequence.
    """

    model: runs.Transformer
    vocab_size: int
    context: int

    @property
    def dropout(self) -> float:
        """The share of the activations that a training step sets to zero."""
        return self.model.dropout

    def initial(self, stream: "Stream") -> dict[str, np.ndarray]:
        """Initial weights by name, in the order of the PyTorch model's `named_parameters`.

        Position embeddings start at zero, and so do the two matrices of a block that write to the
        residual stream. So the stream starts with the tokens alone, and every block passes its
        input on. All other matrices start normal. If all matrices start at random, small models
        spend much of a short run on unlearning them: at width 16, the loss is 2.44 nats per byte
        after 2.5e5 bytes instead of 2.25.
        """
        return dict(self._initial(stream))

    def _initial(self, stream: "Stream") -> Iterator[tuple[str, np.ndarray]]:
        d, d_ff = self.model.d_model, counting.d_ff(self.model)

        def normal(fan_out: int, sd: float) -> np.ndarray:
            return (sd * stream.normal(fan_out, d)).astype(np.float32)

        logit_sd, sd = LOGIT_SD / math.sqrt(d), 1 / math.sqrt(d)  # sd: of a normalised input
        yield "tokens", normal(self.vocab_size, logit_sd)
        yield "positions", np.zeros((self.context, d), np.float32)
        yield "gain", np.ones(d, np.float32)
        if not self.model.tie_embeddings:
            yield "output", normal(self.vocab_size, logit_sd)
        for block in range(self.model.n_layer):
            name = f"blocks.{block}."
            yield name + "attention_gain", np.ones(d, np.float32)
            yield name + "query_key_value", normal(3 * d, sd)
            yield name + "attention_out", np.zeros((d, d), np.float32)
            yield name + "feed_gain", np.ones(d, np.float32)
            yield name + "feed_in", normal(d_ff, sd)
            yield name + "feed_out", np.zeros((d, d_ff), np.float32)


@dataclass(frozen=True, kw_only=True)
class LstmShape:
    """An LSTM between a transformer's embeddings and its output layer: see `isoloss.models.lstm`.

    Attributes
    ----------
    model : runs.Lstm
        Layers and width.
    vocab_size : int
        Different token ids.
    """

    model: runs.Lstm
    vocab_size: int
    dropout = 0.0

    def initial(self, stream: "Stream") -> dict[str, np.ndarray]:
        """Initial weights by name, in the order of the PyTorch model's `named_parameters`.

        The embeddings start as those of a transformer. Matrices and biases of the layers are
        uniform in ± 1 / sqrt(d_model), as those of torch.nn.LSTM are, but for the bias of the
        forget gates. It starts at 1, so that a state is kept at first (Jozefowicz et al. 2015,
        Sec. 2.2).
        """
        d, weights = self.model.d_model, {}
        logit_sd, bound = LOGIT_SD / math.sqrt(d), 1 / math.sqrt(d)

        def embedding() -> np.ndarray:
            return (logit_sd * stream.normal(self.vocab_size, d)).astype(np.float32)

        weights["tokens"] = embedding()
        weights["input_gain"] = np.ones(d, np.float32)
        weights["gain"] = np.ones(d, np.float32)
        if not self.model.tie_embeddings:
            weights["output"] = embedding()
        shapes = {"weight_ih": (4 * d, d), "weight_hh": (4 * d, d), "bias_ih": (4 * d,),
                  "bias_hh": (4 * d,)}  # fmt: skip
        forget = slice(d, 2 * d)  # the order of the gates: input, forget, cell, output
        for layer in range(self.model.n_layer):
            for name, shape in shapes.items():
                drawn = ((2 * stream.uniform(*shape) - 1) * bound).astype(np.float32)
                if name.startswith("bias"):
                    drawn[forget] = name == "bias_ih"
                weights[f"layers.{name}_l{layer}"] = drawn
        return weights


@dataclass(frozen=True, kw_only=True)
class MlpShape:
    """n_inputs - width - ... - width - 1, with an activation after each of the hidden layers."""

    n_inputs: int
    width: int
    n_hidden: int
    activation: str

    def initial(self, stream: "Stream") -> dict[str, np.ndarray]:
        """Initial weights by name, in the order of the PyTorch model's `named_parameters`.

        Every weight and bias is uniform in ± 1 / sqrt(inputs of its layer), as those of
        torch.nn.Linear are.
        """
        weights = {}
        shapes = counting.mlp_shapes(self.n_inputs, self.width, self.n_hidden)
        for layer, (fan_in, fan_out) in enumerate(shapes):
            bound = 1 / math.sqrt(fan_in)
            for name, shape in (("weight", (fan_out, fan_in)), ("bias", (fan_out,))):
                drawn = (2 * stream.uniform(*shape) - 1) * bound
                weights[f"layers.{layer}.{name}"] = drawn.astype(np.float32)
        return weights

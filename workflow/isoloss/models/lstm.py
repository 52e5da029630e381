"""Long short-term memory (Hochreiter and Schmidhuber 1997) that predicts the next token.

Kaplan et al. (2020, Sec. 3.2.1, Fig. 7) compare such networks with transformers. Embeddings, norms
and output layer are those of `isoloss.models.transformer`, so that only the layers between differ.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.models.next_token import NextToken, norm, parameter
from isoloss.models.shapes import LstmShape


class Lstm(NextToken):
    """Token ids to logits of the next token; a sequence begins with a state of zeros.

    Parameters
    ----------
    shape : LstmShape
        Layers and width.
    weights : mapping
        The initial weights by name, as `shape.initial` gives them.
    """

    def __init__(self, shape: LstmShape, weights: Mapping[str, np.ndarray]):
        super().__init__()
        d = shape.model.d_model
        self.tokens = parameter(weights["tokens"])
        self.input_gain = parameter(weights["input_gain"])
        self.gain = parameter(weights["gain"])
        tied = shape.model.tie_embeddings
        self.output = self.tokens if tied else parameter(weights["output"])
        self.layers = nn.LSTM(d, d, shape.model.n_layer, batch_first=True)
        with torch.no_grad():
            for name, values in self.layers.named_parameters():
                values.copy_(torch.from_numpy(weights[f"layers.{name}"]))

    def features(self, ids: Tensor, last: int | None = None) -> Tensor:
        """Input of the output layer, (batch, time, d_model); of the `last` positions if given."""
        x, _ = self.layers(norm(functional.embedding(ids, self.tokens), self.input_gain))
        return norm(x if last is None else x[:, -last:], self.gain)

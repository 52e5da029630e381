"""The memory of a training, computed from its settings."""

from isoloss import counting
from isoloss.config.runs import Lstm, Optimisation, Transformer

PROCESS_BYTES = 330e6  # Python, PyTorch and its libraries: 313 to 320 MB measured on a CPU
TRAINED_BYTES = 16  # per parameter: weight, gradient and AdamW's two moments, in float32
CHECKPOINT_BYTES = 12  # per parameter: weight and moments


def of_parameters(n_params: int) -> float:
    """Peak memory in bytes, where activations are small beside the parameters."""
    return PROCESS_BYTES + TRAINED_BYTES * n_params


def of_transformer(
    model: Transformer,
    training: Optimisation,
    *,
    n_params: int,
    vocab_size: int,
    tokens: int,
    targets: int,
    mixed: bool,
) -> float:
    """Peak memory of a transformer's training, in bytes, on the device of its model.

    Parameters
    ----------
    tokens, targets : int
        Tokens of a step that the model reads, and those that it predicts.
    mixed : bool
        Whether matrix products are in bfloat16, as on a GPU.
    """
    halves = 2 if training.noise_scale else 1  # each half of a batch leaves a gradient
    trained = (TRAINED_BYTES + 4 * (halves - 1) + 2 * mixed) * n_params
    # In mixed precision: logits, their float32 copy, its softmax and its gradient.
    of_logits = (14 if mixed else 4) * vocab_size * targets
    activations = tokens * activation_bytes(model, mixed=mixed)
    return PROCESS_BYTES + trained + (activations + of_logits) / halves


def activation_bytes(model: Transformer, *, mixed: bool = False) -> int:
    """Bytes per token that a forward pass keeps for the backward pass, without logits and dropout.

    A block keeps the residual stream before each of its halves, and its normalised values; queries,
    keys and values; the attention's output; and the hidden layer before and after GELU.
    """
    d, hidden = model.d_model, counting.d_ff(model)
    stream, rest = 2 * d, 2 * d + 3 * d + d + 2 * hidden
    return model.n_applied * (4 * stream + (2 if mixed else 4) * rest)


def of_lstm(model: Lstm, *, n_params: int, vocab_size: int, tokens: int) -> float:
    """Peak memory of an LSTM's training, in bytes.

    A layer keeps, for each token, its input, four gates, their gradients, its state and its output.
    """
    activations = 4 * tokens * model.n_layer * 12 * model.d_model
    return PROCESS_BYTES + TRAINED_BYTES * n_params + activations + 4 * vocab_size * tokens

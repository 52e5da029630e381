"""The memory that a training takes, worked out from its settings."""

from isoloss import counting
from isoloss.config.runs import Optimisation, Transformer

PROCESS_BYTES = 330e6  # Python, PyTorch and its libraries: 313 to 320 MB measured on a CPU
TRAINED_BYTES = 16  # of a parameter: weight, gradient and AdamW's two moments, in float32
CHECKPOINT_BYTES = 12  # of a parameter: weight and moments


def of_parameters(n_params: int) -> float:
    """Of a process that trains a model whose activations are small beside its parameters."""
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
    """The largest memory of a transformer's training, where its model and its activations are.

    Parameters
    ----------
    tokens, targets : int
        Of a step: what the model reads, and what it predicts.
    mixed : bool
        Matrix products in bfloat16, as on a GPU.
    """
    halves = 2 if training.noise_scale else 1  # each half of a batch leaves a gradient
    trained = (TRAINED_BYTES + 4 * (halves - 1) + 2 * mixed) * n_params
    # In mixed precision: logits, their float32 copy, its softmax and its gradient.
    of_logits = (14 if mixed else 4) * vocab_size * targets
    activations = tokens * activation_bytes(model, mixed=mixed)
    return PROCESS_BYTES + trained + (activations + of_logits) / halves


def activation_bytes(model: Transformer, *, mixed: bool = False) -> int:
    """What a forward pass keeps of a token for the backward pass; logits and dropout apart.

    In a block: the stream before each of its halves, and what is normed of it; queries, keys and
    values; the attention's output; the hidden layer before and after GELU.
    """
    d, hidden = model.d_model, counting.d_ff(model)
    stream, rest = 2 * d, 2 * d + 3 * d + d + 2 * hidden
    return model.n_layer * (4 * stream + (2 if mixed else 4) * rest)

"""Parameters and FLOPs of every model, counted from its settings without PyTorch.

A multiply-add is 2 FLOPs. Matrix products and the attention's softmax are counted exactly, forward
and backward (twice the forward pass). As in Kaplan et al. (2020) and Hoffmann et al. (2022), the
count leaves out norms, GELUs, biases, residual sums and the optimiser.
"""

from dataclasses import dataclass
from itertools import pairwise

from isoloss.config.runs import Lstm, Transformer

BYTES = 256  # token ids of a byte-level corpus
TRAINING_PASSES = 3  # forward, and a backward pass that costs two


@dataclass(frozen=True, kw_only=True)
class TransformerParams:
    """Parameters of a transformer, part by part."""

    attention: int  # query, key, value and output matrices
    feed_forward: int
    token_embedding: int
    position_embedding: int
    output: int  # 0 where it is the token embedding
    gains: int  # of the layer norms
    biases: int  # of matrices and layer norms; 0 but for GPT-2's own count

    @property
    def total(self) -> int:
        """Every number that is trained."""
        return sum(vars(self).values())

    @property
    def non_embedding(self) -> int:
        """Kaplan's N: 12 n_layer d_model^2 at d_ff = 4 d_model (2020, Eq. 2.1).

        No embeddings, no output matrix, no gains, no biases.
        """
        return self.attention + self.feed_forward


def transformer_params(
    model: Transformer, vocab_size: int, context: int, *, biases: bool = False
) -> TransformerParams:
    """Count a transformer's parameters.

    The models of isoloss have no biases. `biases=True` counts the same shape in GPT-2's form, with
    a bias in each of a block's matrices and in each layer norm. That gives 124,439,808 parameters
    for 12 layers of width 768, tied embeddings, 50,257 tokens and a context of 1,024.
    """
    n, d, f = model.n_layer, model.d_model, d_ff(model)
    embedding = vocab_size * d
    return TransformerParams(
        attention=4 * n * d * d,
        feed_forward=2 * n * d * f,
        token_embedding=embedding,
        position_embedding=context * d,
        output=0 if model.tie_embeddings else embedding,
        gains=(2 * n + 1) * d,
        biases=n * (3 * d + d + f + d) + (2 * n + 1) * d if biases else 0,
    )


def d_ff(model: Transformer) -> int:
    """Width of the feed-forward layers."""
    return model.d_ff or 4 * model.d_model


@dataclass(frozen=True, kw_only=True)
class TransformerFlops:
    """FLOPs of one sequence's forward pass, part by part (Hoffmann et al. 2022, App. F).

    Attention is counted over all pairs of positions, also masked ones, as in their count.
    """

    projections: int  # query, key, value and output
    attention: int  # scores, softmax, and the weighted sum of values
    feed_forward: int
    logits: int
    embedding: int  # as a product with one-hot vectors; the lookup itself has none

    @property
    def forward(self) -> int:
        """FLOPs that are really computed: all parts but the embedding."""
        return self.projections + self.attention + self.feed_forward + self.logits

    @property
    def training(self) -> int:
        """Forward and backward."""
        return TRAINING_PASSES * self.forward


def transformer_flops(
    model: Transformer, vocab_size: int, context: int, *, n_logits: int | None = None
) -> TransformerFlops:
    """Count one sequence of `context` tokens, with logits at `n_logits` positions (None: all)."""
    n, d, s, v = model.n_applied, model.d_model, context, vocab_size
    products = 2 * s * s * d + 2 * s * s * d
    softmax = 3 * model.n_head * s * s
    return TransformerFlops(
        projections=n * 2 * s * 4 * d * d,
        attention=n * (products + softmax),
        feed_forward=n * 2 * s * 2 * d * d_ff(model),
        logits=2 * (s if n_logits is None else n_logits) * d * v,
        embedding=2 * s * v * d,
    )


@dataclass(frozen=True, kw_only=True)
class LstmParams:
    """Parameters of an LSTM between a transformer's embeddings and its output layer."""

    recurrent: int  # of each layer, the matrices of 4 gates, from its input and from its state
    biases: int  # as PyTorch's layers have them: two vectors a gate
    token_embedding: int
    output: int  # 0 where it is the token embedding
    gains: int  # of the norms before the first layer and after the last

    @property
    def total(self) -> int:
        """Every number that is trained."""
        return sum(vars(self).values())

    @property
    def non_embedding(self) -> int:
        """The matrices of the layers, 8 n_layer d_model^2: Kaplan's N, as of a transformer."""
        return self.recurrent


def lstm_params(model: Lstm, vocab_size: int) -> LstmParams:
    """Count an LSTM's parameters."""
    n, d = model.n_layer, model.d_model
    embedding = vocab_size * d
    return LstmParams(
        recurrent=8 * n * d * d,
        biases=8 * n * d,
        token_embedding=embedding,
        output=0 if model.tie_embeddings else embedding,
        gains=2 * d,
    )


def lstm_flops(model: Lstm, vocab_size: int, context: int) -> int:
    """FLOPs of one sequence's forward pass: the gates' products at each token, and the logits."""
    n, d = model.n_layer, model.d_model
    return context * (2 * 8 * n * d * d + 2 * d * vocab_size)


def lstm_training_flops(model: Lstm, vocab_size: int, context: int) -> int:
    """FLOPs of one sequence, forward and backward; the zeros of a first state need no gradient."""
    unneeded = 2 * 4 * model.n_layer * model.d_model**2
    return TRAINING_PASSES * lstm_flops(model, vocab_size, context) - unneeded


def mlp_params(n_inputs: int, width: int, n_hidden: int) -> int:
    """Weights and biases: width^2 + 4 width + 1 with one input and two hidden layers."""
    return sum(
        fan_in * fan_out + fan_out for fan_in, fan_out in mlp_shapes(n_inputs, width, n_hidden)
    )


def mlp_flops(n_inputs: int, width: int, n_hidden: int) -> int:
    """FLOPs of one sample's forward and backward pass.

    Each layer's product is done forward, for the gradient of its weights, and for the gradient of
    its input; the first layer's input needs no gradient.
    """
    products = [fan_in * fan_out for fan_in, fan_out in mlp_shapes(n_inputs, width, n_hidden)]
    return 2 * (TRAINING_PASSES * sum(products) - products[0])


def mlp_shapes(n_inputs: int, width: int, n_hidden: int) -> list[tuple[int, int]]:
    """Inputs and outputs of each layer."""
    sizes = [n_inputs, *[width] * n_hidden, 1]
    return list(pairwise(sizes))


def six_nd(n_params: float, n_tokens: float) -> float:
    """The usual estimate of training compute, 6 N D, in FLOP; the caller chooses the N."""
    return 6.0 * n_params * n_tokens


def six_nd_columns(
    n_params: int, n_params_non_embedding: int, seen: int, *, logits: int | None = None
) -> dict[str, float]:
    """The columns of a run that hold 6 N D, for the N of each paper.

    Parameters
    ----------
    n_params, n_params_non_embedding : int
        All parameters (Hoffmann et al. 2022), and those of the blocks (Kaplan et al. 2020).
    seen : int
        D: training tokens; where a task has none, samples.
    logits : int
        Parameters of the output layer, vocab_size times width (Porian et al. 2024), if the model
        reads tokens.
    """
    columns = {
        "compute_6nd_flops": six_nd(n_params, seen),
        "compute_6nd_non_embedding_flops": six_nd(n_params_non_embedding, seen),
    }
    if logits is not None:
        columns["compute_6nd_logits_flops"] = six_nd(n_params_non_embedding + logits, seen)
    return columns


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The parameters, tokens and FLOPs of one run."""

    n_params: int
    n_params_non_embedding: int
    steps: int
    samples_per_step: int
    tokens_per_step: int | None  # target tokens; None where the task has none
    flops_per_step: int
    flops_per_evaluation: int  # one forward pass over the held-out data

    @property
    def flops(self) -> int:
        """FLOPs of the training, without evaluations."""
        return self.steps * self.flops_per_step

    @property
    def n_tokens(self) -> int | None:
        """Target tokens of the training: those of whole batches, so at most the set number."""
        return None if self.tokens_per_step is None else self.steps * self.tokens_per_step


def transformer_cost(
    model: Transformer,
    vocab_size: int,
    context: int,
    *,
    n_targets: int,
    batch_size: int,
    steps: int,
    n_heldout: int,
) -> Cost:
    """The cost of a run of a transformer; it predicts `n_targets` tokens of each sequence."""
    params = transformer_params(model, vocab_size, context)
    flops = transformer_flops(model, vocab_size, context, n_logits=n_targets)
    return Cost(
        n_params=params.total,
        n_params_non_embedding=params.non_embedding,
        steps=steps,
        samples_per_step=batch_size,
        tokens_per_step=batch_size * n_targets,
        flops_per_step=batch_size * flops.training,
        flops_per_evaluation=n_heldout * flops.forward,
    )


def lstm_cost(
    model: Lstm, vocab_size: int, context: int, *, batch_size: int, steps: int, n_heldout: int
) -> Cost:
    """The cost of a run of an LSTM, which predicts every token of each sequence."""
    params, forward = lstm_params(model, vocab_size), lstm_flops(model, vocab_size, context)
    return Cost(
        n_params=params.total,
        n_params_non_embedding=params.non_embedding,
        steps=steps,
        samples_per_step=batch_size,
        tokens_per_step=batch_size * context,
        flops_per_step=batch_size * lstm_training_flops(model, vocab_size, context),
        flops_per_evaluation=n_heldout * forward,
    )

"""Parameters and FLOPs of every model, from its settings alone: nothing is built, torch stays out.

A multiply-add is 2 FLOPs. Counted exactly are the matrix products and the attention's softmax,
forward and backward (twice the forward pass); norms, GELUs, biases, residual sums and the
optimiser are not, as in Kaplan et al. (2020) and Hoffmann et al. (2022).
"""

from dataclasses import dataclass
from itertools import pairwise

from isoloss.config.runs import CopyRun, FunctionRun, LanguageRun, PolynomialRun, Run, Transformer

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

    Our models have no biases. With `biases=True` the count is that of the same shape in GPT-2's
    form, a bias in each of a block's matrices and in each layer norm: 124,439,808 parameters for
    12 layers of width 768, tied, 50,257 tokens and a context of 1,024.
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

    Attention is counted over all pairs of positions, masked ones too, as they count it.
    """

    projections: int  # query, key, value and output
    attention: int  # scores, softmax, and the weighted sum of values
    feed_forward: int
    logits: int
    embedding: int  # were it a product with one-hot vectors; a lookup multiplies nothing

    @property
    def forward(self) -> int:
        """What is really computed: all parts but the embedding."""
        return self.projections + self.attention + self.feed_forward + self.logits

    @property
    def training(self) -> int:
        """Forward and backward."""
        return TRAINING_PASSES * self.forward


def transformer_flops(
    model: Transformer, vocab_size: int, context: int, *, n_logits: int | None = None
) -> TransformerFlops:
    """Count one sequence of `context` tokens; `n_logits` of them are predicted from (None: all)."""
    n, d, s, v = model.n_layer, model.d_model, context, vocab_size
    products = 2 * s * s * d + 2 * s * s * d
    softmax = 3 * model.n_head * s * s
    return TransformerFlops(
        projections=n * 2 * s * 4 * d * d,
        attention=n * (products + softmax),
        feed_forward=n * 2 * s * 2 * d * d_ff(model),
        logits=2 * (s if n_logits is None else n_logits) * d * v,
        embedding=2 * s * v * d,
    )


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


def polynomial_flops(degree: int, n_samples: int) -> int:
    """Least squares by Householder QR: 2 n p^2 - 2 p^3 / 3 (Golub and Van Loan, Sec. 5.3.2)."""
    p = degree + 1
    return 2 * n_samples * p * p - 2 * p**3 // 3


def six_nd(n_params: int, n_tokens: int) -> int:
    """The usual estimate of training compute, 6 N D; which N is the caller's choice."""
    return 6 * n_params * n_tokens


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run trains and computes."""

    n_params: int
    n_params_non_embedding: int
    steps: int
    samples_per_step: int
    tokens_per_step: int | None  # target tokens; None where the task has none
    flops_per_step: int
    flops_per_evaluation: int  # one forward pass over the held-out data

    @property
    def flops(self) -> int:
        """Of the training, evaluations apart."""
        return self.steps * self.flops_per_step

    @property
    def n_tokens(self) -> int | None:
        """Target tokens that the run is trained on: whole batches, so at most what was asked."""
        return None if self.tokens_per_step is None else self.steps * self.tokens_per_step


def cost_of(run: Run, vocab_size: int | None = None) -> Cost:
    """Count a run before it is run.

    Parameters
    ----------
    run : Run
        Its settings.
    vocab_size : int
        Of the corpus's tokenizer; for language runs only.
    """
    match run:
        case LanguageRun():
            context, batch = run.task.context, run.training.batch_size
            return _transformer_cost(
                run.model, vocab_size, context, n_targets=context, batch_size=batch,
                steps=run.data.n_tokens // (batch * context),
                n_heldout=run.data.n_heldout_tokens // context,
            )  # fmt: skip
        case CopyRun():
            length, batch = run.task.length, run.training.batch_size
            return _transformer_cost(
                run.model, copy_vocab_size(run), copy_context(length), n_targets=length,
                batch_size=batch, steps=run.data.n_samples // batch, n_heldout=run.data.n_heldout,
            )  # fmt: skip
        case FunctionRun():
            shape = (run.task.n_inputs, run.model.width, run.model.n_hidden)
            batch = run.training.batch_size or run.data.n_samples
            forward = 2 * sum(fan_in * fan_out for fan_in, fan_out in mlp_shapes(*shape))
            return _cost(
                n_params=mlp_params(*shape),
                steps=run.training.steps,
                samples_per_step=batch,
                flops_per_step=batch * mlp_flops(*shape),
                flops_per_evaluation=run.data.n_heldout * forward,
            )
        case PolynomialRun():
            n = run.data.n_samples
            return _cost(
                n_params=run.model.degree + 1,
                steps=1,
                samples_per_step=n,
                flops_per_step=run.task.repeats * polynomial_flops(run.model.degree, n),
                flops_per_evaluation=0,  # it is exact, from the coefficients
            )


def training_flops(run: Run, vocab_size: int | None = None) -> int:
    """FLOPs of a whole run, evaluations apart.

    A language run whose `vocab_size` is not known yet is counted as one on bytes.
    """
    return cost_of(run, vocab_size or BYTES).flops


def copy_vocab_size(run: CopyRun) -> int:
    """The symbols and the separator."""
    return run.task.n_symbols + 1


def copy_context(length: int) -> int:
    """String, separator and copy, without the copy's last character, which predicts nothing."""
    return 2 * length


def _transformer_cost(
    model: Transformer,
    vocab_size: int,
    context: int,
    *,
    n_targets: int,
    batch_size: int,
    steps: int,
    n_heldout: int,
) -> Cost:
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


def _cost(*, n_params: int, **counted: int) -> Cost:
    """Of a model without embeddings, in a task without tokens."""
    return Cost(n_params=n_params, n_params_non_embedding=n_params, tokens_per_step=None, **counted)

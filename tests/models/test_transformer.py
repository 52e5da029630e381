"""The model against its counts, a plain reference, and what an untrained decoder must do."""

import math

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from isoloss.config import runs
from isoloss.counting import transformer_flops, transformer_params
from isoloss.models import next_token
from isoloss.models.next_token import next_token_loss
from isoloss.models.shapes import TransformerShape
from isoloss.models.transformer import Transformer
from isoloss.tasks.streams import Stream

SHAPES = [
    {"n_layer": 1, "d_model": 8, "n_head": 1},
    {"n_layer": 2, "d_model": 16, "n_head": 4, "tie_embeddings": True},
    {"n_layer": 3, "d_model": 24, "n_head": 3, "d_ff": 40},
]
V, T = 50, 12


def make(settings, seed=0):
    shape = TransformerShape(model=runs.Transformer(**settings), vocab_size=V, context=T)
    return shape.model, Transformer(shape, shape.initial(Stream(seed)))


def moved(settings):
    """A model away from its initial weights, many of which are zero."""
    shape, model = make(settings)
    rng = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=rng) * 0.3)
    return shape, model


def some_ids(n=5, seed=1):
    return torch.randint(V, (n, T), generator=torch.Generator().manual_seed(seed))


def plainly(model, ids):
    """The same decoder, written out position by position, in float64."""
    d = model.tokens.shape[1]

    def norm(x, gain):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * gain

    x = model.tokens[ids] + model.positions[: ids.shape[1]]
    for block in model.blocks:
        heads, size = block.n_head, d // block.n_head
        q, k, v = (norm(x, block.attention_gain) @ block.query_key_value.T).split(d, -1)
        mixed = torch.zeros_like(x)
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            for t in range(ids.shape[1]):
                scores = torch.einsum("bd,bsd->bs", q[:, t, part], k[:, : t + 1, part])
                weights = (scores / math.sqrt(size)).softmax(-1)
                mixed[:, t, part] = torch.einsum("bs,bsd->bd", weights, v[:, : t + 1, part])
        x = x + mixed @ block.attention_out.T
        hidden = norm(x, block.feed_gain) @ block.feed_in.T
        gelu = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        x = x + gelu @ block.feed_out.T
    return norm(x, model.gain) @ model.output.T


@pytest.mark.parametrize("settings", SHAPES)
def test_has_the_parameters_that_counting_says(settings):
    shape, model = make(settings)
    assert sum(p.numel() for p in model.parameters()) == transformer_params(shape, V, T).total


@pytest.mark.parametrize("settings", SHAPES)
def test_computes_the_matrix_products_that_counting_says(settings):
    shape, model = make(settings)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(some_ids())
    flops = transformer_flops(shape, V, T)
    softmax = 3 * shape.n_layer * shape.n_head * T * T  # PyTorch counts products only
    attention = flops.attention - softmax
    products = flops.projections + flops.feed_forward + flops.logits
    # PyTorch has no formula for the fused attention of every device: all of it, or none.
    assert counter.get_total_flops() / 5 in (products, products + attention)
    by_operator = counter.get_flop_counts()["Global"]
    counted = sum(n for op, n in by_operator.items() if "mm" in str(op))
    assert counted == 5 * products


@pytest.mark.parametrize("settings", SHAPES)
def test_backward_costs_two_forward_passes(settings):
    shape, model = make(settings)
    ids = some_ids()
    with FlopCounterMode(display=False) as counter:
        next_token_loss(model, ids, ids).backward()
    counted = sum(n for op, n in counter.get_flop_counts()["Global"].items() if "mm" in str(op))
    flops = transformer_flops(shape, V, T)
    assert counted == 5 * 3 * (flops.projections + flops.feed_forward + flops.logits)


@pytest.mark.parametrize("settings", SHAPES)
def test_equals_a_decoder_written_out_in_full(settings):
    model = moved(settings)[1].double()
    with torch.no_grad():
        torch.testing.assert_close(model(some_ids()), plainly(model, some_ids()))


@pytest.mark.parametrize("settings", SHAPES)
def test_a_later_token_changes_no_earlier_logit(settings):
    _, model = moved(settings)
    ids = some_ids()
    changed = ids.clone()
    changed[:, 7] = (changed[:, 7] + 1) % V
    with torch.no_grad():
        before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :7], after[:, :7], rtol=0, atol=0)
    assert (before[:, 7:] != after[:, 7:]).any(-1).all()


def test_the_last_logits_are_those_of_the_whole():
    _, model = moved(SHAPES[1])
    with torch.no_grad():
        torch.testing.assert_close(model(some_ids(), last=4), model(some_ids())[:, -4:])


@pytest.mark.parametrize("settings", SHAPES)
@pytest.mark.parametrize("n_targets", [T, 5])
def test_loss_and_gradients_are_those_of_plain_cross_entropy(settings, n_targets):
    _, model = moved(settings)
    ids, targets = some_ids(), some_ids(seed=2)[:, -n_targets:]
    loss = next_token_loss(model, ids, targets)
    (loss * 3).backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    expected = functional.cross_entropy(model(ids)[:, -n_targets:].flatten(0, 1), targets.flatten())
    (expected * 3).backward()
    torch.testing.assert_close(loss, expected)
    for mine, p in zip(gradients, model.parameters(), strict=True):
        torch.testing.assert_close(mine, p.grad, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(next_token_loss(model, ids, targets), expected.detach())


@pytest.mark.parametrize("settings", SHAPES)
def test_an_untrained_model_knows_nothing(settings):
    _, model = make(settings)
    loss = next_token_loss(model, some_ids(200), some_ids(200, seed=3))
    assert loss.item() == pytest.approx(math.log(V), abs=0.1)


@pytest.mark.parametrize("settings", SHAPES)
def test_dropout_of_a_step_is_the_seeds_and_there_is_none_in_evaluation(settings):
    model, without = (moved(settings | more)[1] for more in ({"dropout": 0.3}, {}))
    ids, targets = some_ids(), some_ids(seed=2)

    def loss_and_gradient(seed):
        torch.manual_seed(seed)
        model.zero_grad()
        loss = next_token_loss(model, ids, targets)
        loss.backward()
        return loss.item(), model.tokens.grad.clone()

    (first, gradient), (again, same), (other, _) = map(loss_and_gradient, (1, 1, 2))
    assert first == again != other
    assert torch.equal(gradient, same)
    model.eval()
    evaluated = next_token_loss(model, ids, targets)
    assert evaluated.item() == next_token_loss(without, ids, targets).item()
    with torch.no_grad():
        torch.testing.assert_close(model(ids), without(ids), rtol=0, atol=0)


def test_dropout_acts_on_embeddings_attention_and_both_writes(monkeypatch):
    """Where GPT-2 has it (Radford et al. 2018, Sec. 4.1)."""
    places = []
    plain, attend = functional.dropout, functional.scaled_dot_product_attention

    def dropout(x, p):
        places.append(("activations", p))
        return plain(x, p)

    def attention(*args, dropout_p, **more):
        places.append(("attention", dropout_p))
        return attend(*args, dropout_p=dropout_p, **more)

    monkeypatch.setattr(functional, "dropout", dropout)
    monkeypatch.setattr(functional, "scaled_dot_product_attention", attention)
    moved(SHAPES[2] | {"dropout": 0.1})[1](some_ids())
    block = [("attention", 0.1), ("activations", 0.1), ("activations", 0.1)]
    assert places == [("activations", 0.1), *block * 3]


def test_dropout_leaves_the_mean_of_what_a_block_writes():
    """Over many masks, within five standard errors of it."""
    settings = {"n_layer": 1, "d_model": 16, "n_head": 1, "dropout": 0.4}
    _, model = moved(settings)
    torch.manual_seed(0)
    block, x, y = model.blocks[0], torch.randn(T, 16), torch.randn(T, 64)
    with torch.no_grad():
        mean = torch.stack([block._add(x, y, block.feed_out) for _ in range(4000)]).mean(0)
        expected = x + y @ block.feed_out.T
    spread = (expected - x).abs().max() * (0.4 / 0.6) ** 0.5 / 4000**0.5
    assert (mean - expected).abs().max() < 5 * spread


def test_the_stream_decides_the_weights():
    same, again, other = (make(SHAPES[2], seed)[1].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(same[name], again[name]) for name in same)
    assert not torch.equal(same["tokens"], other["tokens"])


@pytest.mark.parametrize("settings", SHAPES)
def test_the_weights_are_named_in_the_order_of_the_models_parameters(settings):
    shape = TransformerShape(model=runs.Transformer(**settings), vocab_size=V, context=T)
    named = [(name, tuple(p.shape)) for name, p in make(settings)[1].named_parameters()]
    initial = shape.initial(Stream(0))
    assert named == [(name, values.shape) for name, values in initial.items()]


def test_normal_weights_have_the_standard_deviation_of_their_input():
    """1 / sqrt(d) of a normalised input; a quarter of it for what makes logits."""
    shape = TransformerShape(
        model=runs.Transformer(n_layer=1, d_model=64, n_head=1), vocab_size=500, context=T
    )
    weights = shape.initial(Stream(0))
    assert weights["blocks.0.feed_in"].std() == pytest.approx(1 / 8, rel=0.03)
    assert weights["tokens"].std() == pytest.approx(1 / 32, rel=0.03)


@pytest.mark.parametrize("n_targets", [T, 5])
def test_losses_of_many_sequences_are_summed_whatever_their_parts(n_targets, monkeypatch):
    _, model = moved(SHAPES[1])
    ids, targets = some_ids(), some_ids(seed=2)[:, -n_targets:]
    targets[2] = model(ids[2:3], last=n_targets).argmax(-1)
    mean = next_token_loss(model, ids, targets).item()
    arrays = ids.numpy(), targets.numpy()
    monkeypatch.setitem(next_token.EVALUATION_TOKENS, "cpu", 2 * T)
    loss, matches = model.loss_and_matches(*arrays)
    assert loss == pytest.approx(mean * 5 * n_targets, rel=1e-5)
    assert model.loss_sum(*arrays) == pytest.approx(loss, rel=1e-6)
    assert matches == 1


def test_building_leaves_the_global_random_numbers_alone():
    before = torch.get_rng_state()
    make(SHAPES[0])
    assert torch.equal(before, torch.get_rng_state())

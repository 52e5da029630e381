"""A stack of blocks that is applied several times: one model of few weights and many FLOPs."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from isoloss.config import runs
from isoloss.counting import transformer_flops, transformer_params
from isoloss.models.shapes import TransformerShape
from isoloss.models.transformer import Transformer
from isoloss.tasks.streams import Stream

V, T = 50, 12


def make(n_layer, n_loop):
    settings = {"n_layer": n_layer, "d_model": 16, "n_head": 2}
    model = (
        runs.Transformer(**settings)
        if n_loop == 1
        else runs.RecurrentTransformer(kind="recurrent_transformer", n_loop=n_loop, **settings)
    )
    shape = TransformerShape(model=model, vocab_size=V, context=T)
    network = Transformer(shape, shape.initial(Stream(0)))
    rng = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(torch.randn(p.shape, generator=rng) * 0.3)
    return model, network


def some_ids():
    return torch.randint(V, (5, T), generator=torch.Generator().manual_seed(1))


def test_equals_a_deeper_transformer_whose_blocks_have_the_same_weights():
    _, looped = make(n_layer=1, n_loop=4)
    _, deep = make(n_layer=4, n_loop=1)
    with torch.no_grad():
        for block in deep.blocks:
            block.load_state_dict(looped.blocks[0].state_dict())
        for name in ("tokens", "positions", "gain", "output"):
            getattr(deep, name).copy_(getattr(looped, name))
        assert torch.equal(looped(some_ids()), deep(some_ids()))


@pytest.mark.parametrize(("n_layer", "n_loop"), [(1, 2), (1, 8), (2, 4)])
def test_has_the_parameters_of_its_blocks_and_the_flops_of_its_loops(n_layer, n_loop):
    model, network = make(n_layer, n_loop)
    assert sum(p.numel() for p in network.parameters()) == transformer_params(model, V, T).total
    deep, _ = make(n_layer * n_loop, 1)
    assert transformer_flops(model, V, T) == transformer_flops(deep, V, T)
    with FlopCounterMode(display=False) as counter:
        network(some_ids()).sum().backward()
    flops = transformer_flops(model, V, T)
    products = flops.projections + flops.feed_forward + flops.logits
    softmax = 3 * model.n_head * n_layer * n_loop * T * T
    counted = counter.get_total_flops() / 5 / 3
    assert counted in (products, products + flops.attention - softmax)

"""The planned memory against the tensors that PyTorch keeps."""

import pytest
import torch

from isoloss.config.runs import Transformer as Shape
from isoloss.models.shapes import TransformerShape
from isoloss.models.transformer import Transformer
from isoloss.tasks.memory import activation_bytes
from isoloss.tasks.streams import Stream

BATCH, CONTEXT = 16, 64


@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("n_layer", "d_model", "d_ff"), [(2, 48, None), (4, 128, None), (3, 64, 96)]
)
def test_activations_are_those_that_a_forward_pass_keeps(n_layer, d_model, d_ff, mixed):
    shape = Shape(
        n_layer=n_layer, d_model=d_model, n_head=d_model // 16, d_ff=d_ff, tie_embeddings=True
    )
    whole = TransformerShape(model=shape, vocab_size=256, context=CONTEXT)
    model = Transformer(whole, whole.initial(Stream(0)))
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept, alive = {}, []

    def keep(tensor):
        alive.append(tensor)  # or its storage would be used again
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    ids = torch.randint(256, (BATCH, CONTEXT))
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=mixed),
    ):
        model.features(ids)
    found = sum(size for storage, size in kept.items() if storage not in weights)
    if mixed:  # the weights in bfloat16 are counted with the weights
        found -= 2 * sum(
            p.numel() for block in model.blocks for p in block.parameters() if p.ndim == 2
        )
    last_norm = 4 * d_model
    planned = activation_bytes(shape, mixed=mixed) + last_norm
    assert found / (BATCH * CONTEXT) == pytest.approx(
        planned, rel=0.03
    )  # norms keep statistics too

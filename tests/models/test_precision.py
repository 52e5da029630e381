"""What a GPU would compute, computed on the CPU: bfloat16 products beside float32."""

import math

import pytest
import torch

from isoloss.config import runs
from isoloss.models import precision
from isoloss.models.next_token import next_token_loss
from isoloss.models.precision import Precision, precision_for, prepare
from isoloss.models.shapes import TransformerShape
from isoloss.models.transformer import Transformer
from isoloss.tasks.streams import Stream

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
V, T = 64, 32
MIXED = Precision(autocast=torch.bfloat16)


def make(wanted=MIXED, **more):
    settings = runs.Transformer(n_layer=3, d_model=48, n_head=3, tie_embeddings=True, **more)
    shape = TransformerShape(model=settings, vocab_size=V, context=T)
    model = Transformer(shape, shape.initial(Stream(0)))
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=rng) * 0.1)
    return prepare(model, CPU, wanted)


def some(seed=0):
    ids = torch.randint(V, (8, T + 1), generator=torch.Generator().manual_seed(seed))
    return ids[:, :-1], ids[:, 1:]


def loss_and_gradients(model):
    loss = next_token_loss(model, *some())
    loss.backward()
    return loss, torch.cat([p.grad.flatten() for p in model.parameters()])


def test_products_in_bfloat16_move_the_loss_by_less_than_a_hundredth():
    mixed, plain = (loss_and_gradients(make(wanted)) for wanted in (MIXED, Precision()))
    assert mixed[0].item() != plain[0].item()
    assert mixed[0].item() == pytest.approx(plain[0].item(), rel=1e-2)
    assert torch.nn.functional.cosine_similarity(mixed[1], plain[1], dim=0) > 0.995


def test_weights_gradients_and_losses_stay_float32():
    model = make()
    loss, gradients = loss_and_gradients(model)
    assert loss.dtype == gradients.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_the_residual_stream_stays_float32():
    model, seen = make(), []
    for block in model.blocks:
        block.register_forward_hook(lambda block, args, output: seen.append(output.dtype))
    next_token_loss(model, *some())
    assert seen == [torch.float32] * 3


def test_training_in_bfloat16_learns_what_training_in_float32_learns():
    """The next id is the one before plus one: a loss near zero, from ln V."""

    def trained(wanted):
        model = make(wanted)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        ids = (torch.arange(16)[:, None] * 5 + torch.arange(T + 1)) % V
        for _ in range(60):
            optimizer.zero_grad()
            loss = next_token_loss(model, ids[:, :-1], ids[:, 1:])
            loss.backward()
            optimizer.step()
        return loss.item()

    plain = trained(Precision())
    assert plain < math.log(V) / 4
    assert trained(MIXED) == pytest.approx(plain, rel=0.1)


def test_evaluation_computes_as_training_does():
    model = make()
    with torch.no_grad():
        evaluated = next_token_loss(model, *some())
    assert evaluated.item() == next_token_loss(model, *some()).item()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's tracer, about PyTorch
@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
def test_a_compiled_model_has_the_same_loss_and_gradients(autocast):
    """Traced, but run by PyTorch itself: what the compiler changes is its own affair."""
    compiled = make(Precision(autocast=autocast, compiler="aot_eager"))
    plain = make(Precision(autocast=autocast))
    assert "loss" in vars(compiled)
    for mine, expected in zip(loss_and_gradients(compiled), loss_and_gradients(plain), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-5)
    assert list(compiled.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_cpu_and_mps_compute_in_float32_and_compile_nothing(device):
    assert precision_for(torch.device(device), 10**9, 1e20) == Precision()


def test_a_gpu_computes_in_bfloat16_and_compiles_what_runs_long(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(precision, "can_compile", lambda: True)
    assert precision_for(CUDA, 1000, 1e13) == MIXED
    for steps, flops in [(1000, 1e17), (200_000, 1e13)]:
        assert precision_for(CUDA, steps, flops) == Precision(torch.bfloat16, "inductor")
    monkeypatch.setattr(precision, "can_compile", lambda: False)
    assert precision_for(CUDA, 1000, 1e17) == MIXED


def test_a_gpu_without_bfloat16_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert precision_for(CUDA, 1000, 1e13).autocast is None

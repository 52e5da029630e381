"""The LSTM against its counts, a plain reference, and what a network with a state must do."""

import math

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from isoloss.config import runs
from isoloss.counting import lstm_params, lstm_training_flops
from isoloss.models.lstm import Lstm
from isoloss.models.shapes import LstmShape
from isoloss.tasks.streams import Stream

V, T = 50, 12
SHAPES = [
    {"n_layer": 1, "d_model": 8},
    {"n_layer": 2, "d_model": 12, "tie_embeddings": True},
    {"n_layer": 4, "d_model": 20},
]


def make(settings, seed=0):
    shape = LstmShape(model=runs.Lstm(kind="lstm", **settings), vocab_size=V)
    return shape, Lstm(shape, shape.initial(Stream(seed)))


def some_ids(n=5, seed=1):
    return torch.randint(V, (n, T + 1), generator=torch.Generator().manual_seed(seed))


def plainly(model, ids):
    """The same network, written out gate by gate and token by token."""
    x = functional.layer_norm(model.tokens[ids], model.input_gain.shape) * model.input_gain
    for layer in range(model.layers.num_layers):
        of = {name: getattr(model.layers, f"{name}_l{layer}")
              for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}  # fmt: skip
        state = cell = torch.zeros(len(ids), x.shape[-1])
        outputs = []
        for t in range(ids.shape[1]):
            gates = x[:, t] @ of["weight_ih"].T + of["bias_ih"]
            gates = gates + state @ of["weight_hh"].T + of["bias_hh"]
            keep_in, forget, candidate, out = gates.chunk(4, dim=-1)
            cell = forget.sigmoid() * cell + keep_in.sigmoid() * candidate.tanh()
            state = out.sigmoid() * cell.tanh()
            outputs.append(state)
        x = torch.stack(outputs, 1)
    return (functional.layer_norm(x, model.gain.shape) * model.gain) @ model.output.T


@pytest.mark.parametrize("settings", SHAPES)
def test_has_the_parameters_that_counting_says(settings):
    shape, model = make(settings)
    counted = lstm_params(shape.model, V)
    assert sum(p.numel() for p in model.parameters()) == counted.total
    matrices = [p for name, p in model.layers.named_parameters() if p.ndim == 2]
    assert sum(p.numel() for p in matrices) == counted.non_embedding


@pytest.mark.parametrize("settings", SHAPES)
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_trains_with_the_flops_that_torch_counts(settings):
    shape, model = make(settings)
    ids = some_ids()
    # PyTorch counts the products of its own layers, not those of oneDNN's.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        model.loss(ids[:, :-1], ids[:, 1:]).backward()
    assert counter.get_total_flops() == 5 * lstm_training_flops(shape.model, V, T)


@pytest.mark.parametrize("settings", SHAPES)
def test_computes_what_its_gates_say(settings):
    _, model = make(settings)
    ids = some_ids()
    with torch.no_grad():
        torch.testing.assert_close(model(ids), plainly(model, ids), rtol=1e-4, atol=1e-5)


def test_a_token_changes_no_logit_before_it_and_those_after_it():
    _, model = make(SHAPES[1])
    ids = some_ids()
    other = ids.clone()
    other[:, 6] = (other[:, 6] + 1) % V
    with torch.no_grad():
        before, after = model(ids), model(other)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.isclose(before[:, 6:], after[:, 6:]).all(-1).any()


def test_starts_at_the_loss_of_a_guess():
    _, model = make({"n_layer": 2, "d_model": 64})
    ids = some_ids(64)
    assert model.loss(ids[:, :-1], ids[:, 1:]).item() == pytest.approx(math.log(V), rel=0.02)


def test_the_weights_are_named_in_the_order_of_the_models_parameters():
    for settings in SHAPES:
        shape, model = make(settings)
        named = [(name, tuple(p.shape)) for name, p in model.named_parameters()]
        assert named == [(name, w.shape) for name, w in shape.initial(Stream(0)).items()]


def test_forget_gates_start_open():
    _, model = make(SHAPES[0])
    assert (model.layers.bias_ih_l0 + model.layers.bias_hh_l0)[8:16].tolist() == [1.0] * 8

"""Counts against published totals, and against formulas worked out by hand."""

import os
import subprocess
import sys

import pytest

from isoloss.config.load import parse
from isoloss.config.runs import Transformer
from isoloss.counting import (
    mlp_flops,
    mlp_params,
    six_nd,
    transformer_flops,
    transformer_params,
)
from isoloss.tasks import cost_of
from isoloss.tasks.copy.settings import CopyRun
from isoloss.tasks.function.settings import FunctionRun
from isoloss.tasks.language.settings import LanguageRun
from isoloss.tasks.polynomial.settings import PolynomialRun

GPT2_VOCAB, GPT2_CONTEXT = 50257, 1024
GPT2 = {  # layers, width, heads -> all parameters of the released checkpoints
    (12, 768, 12): 124_439_808,
    (24, 1024, 16): 354_823_168,
    (36, 1280, 20): 774_030_080,
    (48, 1600, 25): 1_557_611_200,
}
TRAINING = {"peak_lr": 1e-3, "schedule": "cosine"}


def shape(n_layer, d_model, n_head=1, **more):
    return Transformer(n_layer=n_layer, d_model=d_model, n_head=n_head, **more)


@pytest.mark.parametrize(("config", "total"), GPT2.items())
def test_gpt2_shapes_have_the_published_totals(config, total):
    params = transformer_params(
        shape(*config, tie_embeddings=True), GPT2_VOCAB, GPT2_CONTEXT, biases=True
    )
    assert params.total == total


@pytest.mark.parametrize(
    ("n_layer", "d_model", "millions"),
    [(4, 128, 0.8), (12, 768, 84.9), (24, 1024, 302.0), (36, 1280, 707.8), (48, 1600, 1474.6)],
)
def test_non_embedding_parameters_are_kaplans(n_layer, d_model, millions):
    params = transformer_params(shape(n_layer, d_model), GPT2_VOCAB, GPT2_CONTEXT)
    assert params.non_embedding == 12 * n_layer * d_model**2
    assert params.non_embedding / 1e6 == pytest.approx(millions, abs=0.05)


def test_an_untied_output_adds_one_embedding():
    tied = transformer_params(shape(2, 16, tie_embeddings=True), 256, 64)
    untied = transformer_params(shape(2, 16), 256, 64)
    assert untied.total - tied.total == 256 * 16
    assert untied.non_embedding == tied.non_embedding


def test_the_smallest_dropped_terms_dominate_kaplans_count_at_small_width():
    """Worked out by hand: 2 layers of width 128 spend 1.29e7 FLOPs a token on the logits."""
    config = shape(2, 128)
    flops = transformer_flops(config, GPT2_VOCAB, context=1)
    assert flops.logits == 2 * 128 * 50257 == 12_865_792
    assert flops.projections + flops.feed_forward == 2 * 12 * 2 * 128**2


def test_attention_is_two_products_over_all_pairs_and_a_softmax_per_head():
    """Hoffmann et al. 2022, App. F: 2 s^2 d twice, and 3 heads s^2, here with s = 7, d = 10."""
    flops = transformer_flops(shape(3, 10, 5), 256, context=7)
    assert flops.attention == 3 * (2 * 2 * 49 * 10 + 3 * 5 * 49)


@pytest.mark.parametrize(
    ("n_params", "config", "ratio"),
    [(73e6, (10, 640, 10), 1.03), (305e6, (20, 1024, 16), 1.10), (552e6, (24, 1280, 10), 1.08)],
)
def test_chinchillas_ratio_to_6nd_is_reproduced_without_logits(n_params, config, ratio):
    """Hoffmann et al. 2022, Table A4 (shapes: Table A9), at its sequences of 2048 tokens."""
    flops = transformer_flops(shape(*config), 32000, 2048)
    exact = 3 * (flops.projections + flops.attention + flops.feed_forward)
    assert exact / six_nd(n_params, 2048) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(
    ("width", "n_params"),
    [(2, 13), (4, 33), (8, 97), (16, 321), (32, 1153), (64, 4353), (128, 16897), (256, 66561)],
)
def test_mlp_of_two_hidden_layers_has_w2_plus_4w_plus_1_parameters(width, n_params):
    assert mlp_params(1, width, 2) == width**2 + 4 * width + 1 == n_params


def test_mlp_flops_leave_out_the_gradient_of_the_input():
    assert mlp_flops(3, 5, 1) == 2 * (2 * 3 * 5 + 3 * 5 * 1)


def language(**data):
    return parse(
        LanguageRun,
        {
            "task": {"kind": "language", "corpus": "stdlib", "context": 64},
            "model": {"n_layer": 2, "d_model": 16, "n_head": 2},
            "data": {"n_tokens": 10_000, **data},
            "training": TRAINING | {"batch_size": 4},
        },
        "run",
    )


def test_a_language_run_takes_whole_batches_within_its_budget():
    cost = cost_of(language(), 256)
    assert (cost.steps, cost.tokens_per_step, cost.n_tokens) == (39, 256, 9984)


def test_a_language_runs_flops_are_three_forward_passes_of_every_sequence():
    run = language()
    forward = transformer_flops(run.model, 300, 64).forward
    assert cost_of(run, 300).flops == 3 * forward * 39 * 4
    assert cost_of(run, 256).flops < cost_of(run, 300).flops


def test_an_evaluation_is_a_forward_pass_over_whole_windows_of_the_heldout_tokens():
    forward = transformer_flops(language().model, 256, 64).forward
    assert cost_of(language(n_heldout_tokens=1000), 256).flops_per_evaluation == 15 * forward


@pytest.mark.parametrize(("config", "total"), GPT2.items())
def test_gpt2_shapes_are_settings_of_a_run(config, total):
    """A bias for each row of a matrix and each norm is all that GPT-2 has beside ours."""
    n_layer, d_model, n_head = config
    run = language().model_dump() | {
        "task": {"kind": "language", "corpus": "web", "context": GPT2_CONTEXT},
        "model": {
            "n_layer": n_layer, "d_model": d_model, "n_head": n_head, "tie_embeddings": True
        },
        "data": {"n_tokens": 10**9},
    }  # fmt: skip
    biases = n_layer * (4 + 4 + 1) * d_model + (2 * n_layer + 1) * d_model
    cost = cost_of(parse(LanguageRun, run, "run"), GPT2_VOCAB)
    assert cost.n_params == total - biases
    assert cost.n_params_non_embedding == 12 * n_layer * d_model**2


def test_a_copy_run_predicts_only_the_copy():
    run = parse(
        CopyRun,
        {
            "task": {"kind": "copy", "n_symbols": 9, "length": 5},
            "model": {"n_layer": 1, "d_model": 8, "n_head": 1},
            "data": {"n_samples": 100},
            "training": TRAINING | {"batch_size": 10},
        },
        "run",
    )
    cost = cost_of(run)
    assert (cost.steps, cost.tokens_per_step) == (10, 50)
    assert cost.n_params == transformer_params(run.model, 10, 10).total
    everywhere = 3 * 10 * transformer_flops(run.model, 10, 10).forward
    assert everywhere - cost.flops_per_step == 3 * 10 * 2 * 5 * 8 * 10  # logits of 5 positions


def test_a_function_run_steps_over_all_samples_unless_told_otherwise():
    settings = {
        "task": {"kind": "function", "target": "sine"},
        "model": {"width": 8},
        "data": {"n_samples": 100},
        "training": TRAINING | {"steps": 7},
    }
    full = cost_of(parse(FunctionRun, settings, "run"))
    assert (full.n_params, full.steps, full.samples_per_step) == (97, 7, 100)
    assert full.n_tokens is None
    settings["training"] |= {"batch_size": 10}
    assert cost_of(parse(FunctionRun, settings, "run")).flops == full.flops / 10


def test_a_polynomial_has_a_coefficient_more_than_its_degree():
    run = parse(
        PolynomialRun,
        {
            "task": {"kind": "polynomial", "target": "abs", "repeats": 5},
            "model": {"kind": "polynomial", "degree": 3},
            "data": {"n_samples": 100},
        },
        "run",
    )
    cost = cost_of(run)
    assert cost.n_params == 4
    assert cost.flops == 5 * (2 * 100 * 16 - 2 * 64 // 3)


def test_counting_needs_no_torch():
    code = "import isoloss.counting, sys; sys.exit('torch' in sys.modules)"
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | path)

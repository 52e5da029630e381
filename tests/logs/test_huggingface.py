"""Hugging Face's trainer_state.json: which losses count, and the tokens and sizes behind them."""

import math
import warnings

import pytest
from tests.logs.imports import imported, library, points, refused, write

GPT2 = {"model_type": "gpt2", "n_layer": 3, "n_embd": 24, "n_head": 4, "vocab_size": 64,
        "n_positions": 32, "n_inner": None, "tie_word_embeddings": True}  # fmt: skip
TOTAL, WITHOUT = 24_024, 21_720  # transformers' own count of such a model


def state(history, **more):
    steps = max(row["step"] for row in history)
    usual = {"global_step": steps, "max_steps": steps, "num_input_tokens_seen": 0, "total_flos": 0}
    return {"log_history": history, **usual, **more}


def losses(*steps, train=None):
    rows = []
    for step in steps:
        rows.append({"step": step, "loss": (train or {}).get(step, 3.0), "grad_norm": 1.0})
        rows.append({"step": step, "eval_loss": 3.5 - step / 100, "eval_runtime": 1.0})
    return rows


def test_tokens_are_steps_times_the_tokens_of_a_step(tmp_path):
    write(tmp_path / "run" / "trainer_state.json", state(losses(10, 20)))
    table, text = imported(tmp_path / "run", "--batch-size", 8, "--context", 32)
    assert points(table, "step", "n_tokens", "eval_loss") == [(10, 2560, 3.4), (20, 5120, 3.3)]
    assert "256 tokens a step (--batch-size x --context)" in text
    assert set(table["status"]) == {"done"}


def test_nothing_is_assumed_where_nothing_says_the_tokens(tmp_path):
    write(tmp_path / "run" / "trainer_state.json", state(losses(10)))
    message = refused(tmp_path / "run")
    assert "nothing says how many tokens a step has: --tokens-per-step NUMBER" in message


def test_entries_without_a_step_are_left_out_unless_they_have_a_loss(tmp_path):
    """Scripts write the metrics of predictions into the history."""
    test = {"epoch": 1.0, "predict_loss": 3.3, "predict_runtime": 2.0}
    history = [*losses(10), test, *losses(20)]
    whole = state(losses(10, 20)) | {"log_history": history}
    write(tmp_path / "run" / "trainer_state.json", whole)
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "step", "eval_loss") == [(10, 3.4), (20, 3.3)]
    assert "1 entries without a step are left out" in text
    history[2] = {"epoch": 1.0, "eval_loss": 3.3}
    write(tmp_path / "run" / "trainer_state.json", whole)
    assert "entry 3: step is no whole number" in refused(tmp_path / "run", "--tokens-per-step", 1)


def test_tokens_that_were_counted_come_before_flop(tmp_path):
    history = [{"step": 10, "eval_loss": 3.4, "num_input_tokens_seen": 2000}]
    done = state(history, num_input_tokens_seen=2000, total_flos=6.0 * WITHOUT * 2560)
    write(tmp_path / "run" / "trainer_state.json", done)
    write(tmp_path / "run" / "config.json", GPT2)
    table, text = imported(tmp_path / "run")
    assert points(table, "n_tokens", "n_params", "n_params_non_embedding") == [
        (2000, TOTAL, WITHOUT)
    ]
    assert "total_flos counts 2560 tokens" in text


def test_flop_leave_embeddings_out(tmp_path):
    """The total N would give .904 of the tokens."""
    write(tmp_path / "run" / "trainer_state.json",
          state(losses(10, 20), total_flos=6.0 * WITHOUT * 5120))  # fmt: skip
    write(tmp_path / "run" / "config.json", GPT2)
    table, _ = imported(tmp_path / "run")
    assert table["n_tokens"].tolist() == [2560, 5120]
    assert table["compute"].tolist() == [6 * TOTAL * 2560, 6 * TOTAL * 5120]


def test_total_flos_have_an_output_matrix_only_if_it_is_untied(tmp_path):
    """transformers 5.24 counts 21,720 parameters of the tied model, and 64 x 24 more if untied."""
    for name, tied, counted in (("tied", True, 21_720), ("untied", False, 23_256)):
        folder = tmp_path / "runs" / name
        write(folder / "trainer_state.json", state(losses(10), total_flos=6.0 * counted * 2560))
        write(folder / "config.json", {**GPT2, "tie_word_embeddings": tied})
    table, _ = imported(tmp_path / "runs")
    assert points(table, "run_id", "n_tokens", "n_params_non_embedding") == [
        ("tied", 2560, WITHOUT),
        ("untied", 2560, WITHOUT),
    ]


def test_a_loss_of_zero_is_the_filter_of_nan(tmp_path):
    """As transformers 5.24 writes a run that diverges at step 12: 3.29, 0.0, 47."""
    train = {10: 3.29, 20: 0.0, 30: 47.0}
    write(tmp_path / "run" / "trainer_state.json", state(losses(10, 20, 30, train=train)))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert set(table["status"]) == {"diverged"}
    assert math.isnan(table["train_loss"][1])
    assert "loss is 0 from step 20" in text


def test_a_gradient_that_is_no_number_is_a_run_that_diverged(tmp_path):
    history = losses(10, 20)
    history[2]["grad_norm"] = math.nan
    write(tmp_path / "run" / "trainer_state.json", state(history))  # with a bare NaN
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert set(table["status"]) == {"diverged"}


def test_a_run_that_was_stopped_is_incomplete(tmp_path):
    write(tmp_path / "run" / "trainer_state.json", state(losses(10), max_steps=100))
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert set(table["status"]) == {"incomplete"}


def test_the_state_of_the_most_steps_holds_and_not_that_of_the_best_checkpoint(tmp_path):
    best = state(losses(10), max_steps=30, best_global_step=10)
    write(tmp_path / "run" / "checkpoint-10" / "trainer_state.json", best)
    write(tmp_path / "run" / "checkpoint-9" / "trainer_state.json", state(losses(9), max_steps=30))
    write(tmp_path / "run" / "checkpoint-30" / "trainer_state.json", state(losses(10, 20, 30)))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["step"].tolist() == [10, 20, 30]
    assert set(table["status"]) == {"done"}
    assert "3 states of one run" in text


def test_states_of_different_stretches_are_said(tmp_path):
    old = losses(10, 20)
    write(tmp_path / "run" / "checkpoint-20" / "trainer_state.json", state(old))
    new = [*losses(10), {"step": 20, "eval_loss": 2.0}, {"step": 30, "eval_loss": 1.9}]
    write(tmp_path / "run" / "checkpoint-30" / "trainer_state.json", state(new))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["eval_loss"].tolist() == [3.4, 2.0, 1.9]
    assert "checkpoint-20 has another history from step 20" in text


def test_the_summary_of_a_call_is_no_training_loss(tmp_path):
    """`train_loss` of a resumed run was 1.18 in transformers 5.10, and 3.38 in 5.23."""
    history = [*losses(10, 20), {"step": 20, "train_loss": 1.18, "train_runtime": 1.0}]
    write(tmp_path / "run" / "trainer_state.json", state(history))
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["train_loss"].tolist() == [3.0, 3.0]
    assert table["n_averaged"].tolist() == [10, 10]


def test_several_held_out_sets_are_listed_until_one_is_chosen(tmp_path):
    history = [{"step": 10, "eval_c4_loss": 3.0}, {"step": 10, "eval_pile_loss": 2.0}]
    write(tmp_path / "run" / "trainer_state.json", state(history))
    message = refused(tmp_path / "run", "--tokens-per-step", 1)
    assert "several held-out losses: eval_c4_loss, eval_pile_loss; choose with --loss" in message
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1, "--loss", "eval_pile*")
    assert points(table, "eval_loss", "loss_tag") == [(2.0, "eval_pile_loss")]


def test_a_training_loss_is_taken_only_if_asked_and_then_as_a_mean(tmp_path):
    history = [{"step": s, "loss": float(s)} for s in range(10, 101, 10)]
    write(tmp_path / "run" / "trainer_state.json", state(history))
    assert "no run has a held-out loss; --loss loss takes the training loss" in refused(
        tmp_path / "run", "--tokens-per-step", 2
    )
    table, text = imported(tmp_path / "run", "--tokens-per-step", 2, "--loss", "loss",
                           "--average", 100)  # fmt: skip
    assert points(table, "n_tokens", "train_loss", "n_averaged") == [(100, 30, 50), (200, 80, 50)]
    assert "a mean over the last 100 tokens before n_tokens" in text
    assert table["eval_loss"].isna().all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"log_history": [', "line 1 is no whole JSON"),
        ({"log_history": [{"step": 3.5}], "global_step": 4}, "entry 1: step is no whole number"),
        ({"log_history": [{"step": 3, "loss": "x"}], "global_step": 3}, "loss is no number"),
        ({"log_history": [{"step": 9}], "global_step": 3}, "global_step must be at least"),
        ({"log_history": [{"step": 3, "loss": 10**400}], "global_step": 3}, "loss is no number"),
        ({"other": 1}, "has no log_history"),
    ],
)
def test_a_damaged_state_is_named_and_nothing_is_written(tmp_path, content, words):
    write(tmp_path / "run" / "trainer_state.json", content)
    message = refused(tmp_path / "run")
    assert words in message
    assert str(tmp_path / "run" / "trainer_state.json") in message


def test_sizes_are_those_of_transformers():
    library("transformers")
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from isoloss.logs.sizes import of_config

    wide = {"num_hidden_layers": 3, "hidden_size": 24, "intermediate_size": 40, "vocab_size": 64,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
            "pad_token_id": None}  # fmt: skip
    neox = {key: wide[key] for key in wide if key not in ("num_key_value_heads", "head_dim")}
    shapes = {"gpt2": {**GPT2, "model_type": None}, "gpt_neox": neox}
    for kind in ("gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3", "gemma", "olmo2"):
        for tied in (True, False):
            shape = {**shapes.get(kind, wide), "tie_word_embeddings": tied}
            shape.pop("model_type", None)
            with warnings.catch_warnings(), torch.device("meta"):
                warnings.simplefilter("ignore")
                config = AutoConfig.for_model(kind, **shape)
                model = AutoModelForCausalLM.from_config(config)
            sizes, _ = of_config(config.to_dict())
            assert sizes.total == model.num_parameters(), kind
            assert sizes.of_flop == model.num_parameters(exclude_embeddings=True), kind


def test_what_the_trainer_writes_is_read_with_its_tokens_and_sizes(tmp_path):
    transformers = library("transformers")
    library("accelerate")
    import torch

    torch.manual_seed(0)
    shape = {key: value for key, value in GPT2.items() if key != "model_type"}
    rows = torch.arange(16).repeat(64, 1)
    data = [{"input_ids": row, "labels": row} for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape))
        arguments = transformers.TrainingArguments(
            str(tmp_path / "run"), max_steps=6, per_device_train_batch_size=4,
            eval_strategy="steps", eval_steps=3, logging_steps=3, save_steps=3, report_to=[],
            use_cpu=True, disable_tqdm=True, include_num_input_tokens_seen="all",
        )  # fmt: skip
        trainer = transformers.Trainer(model, arguments, train_dataset=data, eval_dataset=data[:4])
        trainer.train()
    table, _ = imported(tmp_path / "run")
    found = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert points(table, "step", "n_tokens", "n_params", "n_params_non_embedding", "eval_loss") == [
        (3, 3 * 64, TOTAL, WITHOUT, found[0]),
        (6, 6 * 64, TOTAL, WITHOUT, found[1]),
    ]
    again, text = imported(tmp_path / "run", "--tokens-per-step", 64)
    assert again["n_tokens"].tolist() == table["n_tokens"].tolist()
    assert "total_flos counts" not in text


def evaluations(folder, batch, texts=1000, **rows):
    """A run whose evaluation read some texts, with the rates that the Trainer writes."""
    steps = -(-texts // batch)
    rates = {
        "eval_runtime": 8.0,
        "eval_samples_per_second": texts / 8,
        "eval_steps_per_second": steps / 8,
    }
    history = [{"step": 20, "loss": 3.4, **rows}, {"step": 20, "eval_loss": 3.3, **rates}]
    history = [{**history[0], "step": 10}, *history]
    write(folder / "trainer_state.json", state(history))


def test_evaluations_in_other_batches_are_said(tmp_path):
    """transformers 5.24 gave one model 2.824 with 64 texts a batch, and 2.925 with 4."""
    for name, batch in (("small", 64), ("medium", 64), ("large", 4)):
        evaluations(tmp_path / "runs" / name, batch)
    table, text = imported(tmp_path / "runs", "--tokens-per-step", 10)
    assert "eval_loss is a mean of the means of batches" in text
    assert "62.5 a step in small and 4 in large" in text
    assert table["eval_loss"].tolist() == [3.3, 3.3, 3.3]
    _, again = imported(tmp_path / "runs", "--tokens-per-step", 10)  # from the index
    assert "62.5 a step in small and 4 in large" in again


def test_the_same_batches_and_other_texts_are_no_doubt(tmp_path):
    evaluations(tmp_path / "runs" / "small", 64)
    evaluations(tmp_path / "runs" / "medium", 64)
    evaluations(tmp_path / "runs" / "other-texts", 4, texts=2000)
    _, text = imported(tmp_path / "runs", "--tokens-per-step", 10)
    assert "mean of the means" not in text


def test_evaluations_so_slow_that_their_rates_are_rounded_away_are_no_doubt(tmp_path):
    """1000 texts in 16 steps, in 6500 and 2900 seconds; the Trainer rounds rates to .001."""
    for name, seconds, texts, steps in (
        ("one", 6500.0, 0.154, 0.002),
        ("two", 2900.0, 0.345, 0.006),
    ):
        rates = {"eval_runtime": seconds, "eval_samples_per_second": texts}
        row = {"step": 20, "eval_loss": 3.3, **rates, "eval_steps_per_second": steps}
        write(tmp_path / "runs" / name / "trainer_state.json", state([row]))
    _, text = imported(tmp_path / "runs", "--tokens-per-step", 10)
    assert "mean of the means" not in text


@pytest.mark.parametrize(("logged", "is_a_sum"), [(13.6, True), (3.4, False), (5.0, False)])
def test_a_training_loss_that_is_a_sum_over_accumulated_batches_is_said(tmp_path, logged, is_a_sum):
    """As transformers 5.24 logs a Trainer with its own compute_loss and 4 batches a step."""
    evaluations(tmp_path / "runs" / "one", 64, loss=logged)
    _, text = imported(tmp_path / "runs", "--tokens-per-step", 10)
    assert ("'loss' is 4.12 times 'eval_loss'" in text) == is_a_sum


def test_the_only_training_loss_of_a_short_run_is_no_sum(tmp_path):
    """The Trainer logs a mean since its last entry: here from the untrained model on."""
    history = [{"step": 500, "loss": 6.6}, {"step": 500, "eval_loss": 3.3}]
    write(tmp_path / "run" / "trainer_state.json", state(history))
    _, text = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert "times 'eval_loss'" not in text


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ((1.0, 0.67, 0.33, 0.0, 0.0, 0.0), "0 from step 40 to step 60"),  # two processes
        ((1.0, 0.8, 0.6, 0.4, 0.2, 0.0), ""),
        ((0.0, 0.5, 1.0, 0.5, 0.1, 0.1), ""),
    ],
)
def test_a_rate_of_zero_to_the_end_is_said(tmp_path, rates, said):
    """accelerate 1.15 steps a schedule once for each process."""
    history = [
        {"step": step, "loss": 3.4, "learning_rate": rate}
        for step, rate in zip(range(10, 70, 10), rates, strict=True)
    ]
    write(tmp_path / "run" / "trainer_state.json", state([*history, *losses(60)[1:]]))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert table["n_tokens"].tolist() == [600]
    assert ("the learning rate is 0" in text) == bool(said)
    assert said in text

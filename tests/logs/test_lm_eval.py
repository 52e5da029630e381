"""Results of lm-eval: bits and perplexities of a finished model, the newest of each task."""

import pytest
from tests.logs.imports import imported, library, points, refused, write

METRICS = {"alias": "wikitext", "word_perplexity,none": 20.0, "word_perplexity_stderr,none": "N/A",
           "byte_perplexity,none": 1.8, "bits_per_byte,none": 0.85}  # fmt: skip
NAME = "results_2026-11-2{}T10-00-00.000000.json"


def results(model="m0", metrics=METRICS, **config):
    config = {"model": "hf", "model_num_parameters": 1000, "limit": None, **config}
    return {"results": {"wikitext": metrics}, "model_name": model, "config": config}


def test_bits_stand_for_perplexities_of_the_same_text_and_the_newest_file_holds(tmp_path):
    old = {**METRICS, "bits_per_byte,none": 0.99}
    write(tmp_path / "run" / "m0" / NAME.format(9), results())
    write(tmp_path / "run" / "m0" / NAME.format(8), results(metrics=old))
    table, text = imported(tmp_path / "run", "--tokens", 5000)
    assert points(table, "run_id", "n_tokens", "n_params", "eval_bits_per_byte") == [
        ("m0", 5000, 1000, 0.85)
    ]
    assert "eval_loss" not in table
    assert "is the newest of several files" in text
    assert "they compare with no other task's" in text


@pytest.mark.parametrize(("task", "is_said"), [("wikitext", True), ("c4", False)])
def test_bytes_of_wikitext_are_those_before_it_was_made_plain(tmp_path, task, is_said):
    """lm-eval 0.4.13 gives .934 bits a byte where a model spent one on each that it read."""
    content = results() | {"results": {task: METRICS}}
    write(tmp_path / "run" / NAME.format(1), content)
    table, text = imported(tmp_path / "run", "--tokens", 1)
    assert (f"{task} is divided by the bytes, or words, of a text whose blanks" in text) == is_said
    assert table["eval_bits_per_byte"].tolist() == [0.85]


def test_checkpoints_of_a_model_are_one_run_with_the_tokens_of_their_steps(tmp_path):
    """Else each would be the last evaluation of a run of its own."""
    for step in (3000, 70):
        said = results("org/pythia", model_args=f"pretrained=org/pythia,revision=step{step}")
        write(tmp_path / "run" / "org__pythia" / NAME.format(step % 7), said)
        of_folder = results(f"out/checkpoint-{step}", {**METRICS, "bits_per_byte,none": 1 / step})
        write(tmp_path / "run" / f"out__checkpoint-{step}" / NAME.format(1), of_folder)
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert points(table, "run_id", "n_tokens", "eval_bits_per_byte", "is_last") == [
        ("org/pythia", 700, 0.85, False),
        ("org/pythia", 30_000, 0.85, True),
        ("out", 700, 1 / 70, False),
        ("out", 30_000, 1 / 3000, True),
    ]


def test_tokens_of_a_model_without_a_step_are_asked_for(tmp_path):
    write(tmp_path / "run" / NAME.format(3), results("final", model_args="revision=main"))
    assert "nothing says how many tokens" in refused(tmp_path / "run")
    table, _ = imported(tmp_path / "run", "--tokens", "fin*=7e9")
    assert points(table, "run_id", "n_tokens") == [("final", 7e9)]


def test_results_from_before_filters_are_recognised_whatever_their_name(tmp_path):
    """lm-eval before 0.4, as in the repository of Pythia: no filter, no name, no size."""
    for step in (0, 1000):
        config = {"model": "hf-causal", "model_args": f"pretrained=org/m0,revision=step{step}"}
        content = {"results": {"lambada_openai": {"ppl": 30.0, "acc": 0.1}}, "config": config}
        write(tmp_path / "run" / f"m0_step{step}.json", content)
    table, text = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert points(table, "run_id", "n_tokens", "eval_perplexity") == [("org/m0", 10_000, 30.0)]
    assert "1 evaluation before any step is left out" in text


def test_a_part_of_a_task_is_said_and_several_tasks_are_a_choice(tmp_path):
    two = results(limit=8)
    two["results"]["c4"] = {"bits_per_byte,none": 0.9}
    write(tmp_path / "run" / NAME.format(1), two)
    message = refused(tmp_path / "run", "--tokens", 1)
    assert "several held-out losses: c4/bits_per_byte, wikitext/bits_per_byte" in message
    table, text = imported(tmp_path / "run", "--tokens", 1, "--loss", "wikitext/word_perplexity")
    assert table["eval_perplexity"].tolist() == [20.0]
    assert "limit 8: only that part of each task" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"results": {"wikitext": {"alias": "w", "bits_per_byte,none": ', "is no whole JSON"),
        (results(metrics={"bits_per_byte,none": "N/A"}), "bits_per_byte,none is no number"),
        ({"results": [1], "alias": 1}, "has no results of tasks"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, words):
    write(tmp_path / "run" / NAME.format(1), content)
    assert words in refused(tmp_path / "run", "--tokens", 1)


def test_what_lm_eval_saves_is_read(tmp_path):
    loggers = library("lm_eval.loggers")
    tracker = loggers.EvaluationTracker(output_path=str(tmp_path / "run"))
    tracker.general_config_tracker.model_name = "org/m0"
    tracker.general_config_tracker.model_name_sanitized = "org__m0"
    tracker.save_results_aggregated(results("org/m0"))
    table, _ = imported(tmp_path / "run", "--tokens", 5000)
    assert points(table, "run_id", "n_params", "eval_bits_per_byte") == [("org/m0", 1000, 0.85)]

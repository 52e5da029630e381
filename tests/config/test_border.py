"""A whole project's config is refused with the place of each mistake, and soon, before any job."""

import copy

import pytest
import yaml

from isoloss.corpus.prepare import prepare
from isoloss.errors import UserError
from isoloss.pipeline import load_project

BUDGET = {"flops": 1e12, "runs": 100}
TEXTS = {"title": "t", "question": "q", "theory": "th"}
TRAINED = TEXTS | {
    "settings": {
        "task": {"kind": "function", "target": "sine"},
        "model": {"width": 8},
        "data": {"n_samples": 256},
        "training": {"steps": 10, "peak_lr": 0.01, "schedule": "cosine"},
    },
    "sweeps": {"widths": {"grid": {"model.width": [2, 4]}}},
    "fits": [{"name": "f", "law": "power_law", "variables": {"x": "n_params", "loss": "loss"}}],
}
LANGUAGE = TEXTS | {
    "settings": {
        "task": {"kind": "language", "corpus": "books", "context": 8},
        "model": {"n_layer": 1, "d_model": 8, "n_head": 2},
        "data": {"n_tokens": 640, "n_heldout_tokens": 100},
        "training": {"peak_lr": 0.01, "schedule": "cosine", "batch_size": 4},
    },
    "sweeps": {"data": {"grid": {"data.n_tokens": [320, 640]}}},
    "corpora": {"books": {"kind": "files", "paths": ["book.txt"]}},
}
PLANTED = TEXTS | {
    "source": "planted",
    "law": "chinchilla",
    "parameters": {"A": 400.0, "B": 400.0, "E": 1.7, "alpha": 0.3, "beta": 0.3},
    "noise_sd": 0.01,
    "sweeps": {"grid": {"n_params": [1e6, 1e7], "n_tokens": [1e8, 1e9]}},
}
TABLE = TEXTS | {
    "source": "table",
    "path": "mine.csv",
    "columns": {"n_params": "N", "n_tokens": "D", "loss": "loss"},
    "fits": [
        {
            "name": "f",
            "law": "chinchilla",
            "variables": {"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"},
        }
    ],
}
LABELS = {"title": "t", "caption": "c", "x_label": "x", "y_label": "y"}
AGAINST = LABELS | {"draw": "loss_against_x", "name": "g", "x": "n_params"}
AGAINST |= {"series": {"widths": "runs"}, "by": "schedule"}
COMPARED = {"quantity": "q", "scale": "s", "of": "f", "parameter": "alpha"}
DRAWN = TRAINED | {
    "fits": [TRAINED["fits"][0], TRAINED["fits"][0] | {"name": "h", "by": "width"}],
    "analyses": [
        {"name": "laws", "do": "size_laws", "sweeps": ["widths"], "x": "n_params"},
        {"name": "approaches", "do": "approaches", "sweeps": ["widths"]},
        {"name": "reached", "do": "loss_reached", "sweeps": ["widths"]},
    ],
    "comparison": [COMPARED, COMPARED | {"of": "h", "group": "width=2"}],
    "figures": [
        AGAINST,
        LABELS | {"draw": "learning_curves", "name": "c", "by_label": "N"},
        {"draw": "kaplan_size_laws", "name": "k", "title": "t", "caption": "c", "size": "laws"},
    ],
}
STUDIES = {"trained": TRAINED, "language": LANGUAGE, "planted": PLANTED, "table": TABLE}
STUDIES |= {"drawn": DRAWN}


def changed(study, path, value):
    study = copy.deepcopy(study)
    *parents, last = path.split("/")
    section = study
    for parent in parents:
        section = section[int(parent) if isinstance(section, list) else parent]
    section[int(last) if isinstance(section, list) else last] = value
    return study


@pytest.fixture
def project(tmp_path):
    """A function that plans a study in a project's folder."""

    def plan(study, **config):
        folder = tmp_path / "config" / "studies"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.yaml").write_text(yaml.safe_dump(study))
        (tmp_path / "book.txt").write_text("a line of text\n" * 1000)
        (tmp_path / "mine.csv").write_text("N,D,loss\n1e7,1e9,3.0\n")
        return load_project({"studies": ["mine"], "budget": BUDGET} | config, tmp_path)

    plan.root = tmp_path
    return plan


def refusal(project, study, **config):
    with pytest.raises(UserError) as error:
        project(study, **config)
    assert len(error.value.problems) == 1, error.value.problems
    return error.value.problems[0].removeprefix("mine: ")


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_what_is_spoilt_below_was_whole(project, study):
    project(study)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("sweeps/widths/seeds", 20_260_101, "sweeps.widths: 40,520,202 runs (2 of model.width x "
         "20,260,101 of seeds) are more than the 100 that budget.runs allows"),
        ("sweeps/widths/seeds", 10**10, "sweeps.widths: 20,000,000,000 runs"),
        ("sweeps/widths/grid", {f"a.k{i}": list(range(10)) for i in range(12)},
         "sweeps.widths: 1,000,000,000,000 runs (10 of a.k0 x "),
    ],
)  # fmt: skip
def test_a_sweep_beyond_the_budget_is_counted_and_not_made(project, path, value, said):
    assert refusal(project, changed(TRAINED, path, value)).startswith(said)


def test_a_sweep_has_a_limit_beyond_any_budget(project):
    study = changed(TRAINED, "sweeps/widths/seeds", 10**10)
    said = refusal(project, study, budget=BUDGET | {"runs": 10**12})
    assert said.endswith("are more than the 1,000,000 that can be")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("settings/training/n_evals", 10**9, "settings.training.n_evals: input should be less "),
        ("settings/training/lr_width_exponent", 1000.0, "settings.training.lr_width_exponent: in"),
        ("settings/data/n_samples", 10**13, "settings.data.n_samples 10,000,000,000,000 is too "),
        ("settings/data/n_heldout", 10**13, "settings.data.n_heldout 10,000,000,000,000 is too "),
        ("settings/model/n_hidden", 10**12, "settings.model.n_hidden: input should be less than "),
        ("settings/model/n_hidden", 10**400, "settings.model.n_hidden: "),
        ("settings/task/noise_sd", 1e200, "settings.task.noise_sd: input should be less than or "),
        ("sweeps/widths/seeds", [2**63], "sweeps.widths.seeds: must be how many (a whole number "),
        ("sweeps/widths/seeds", True, "sweeps.widths.seeds: must be how many (a whole number fro"),
        ("fits/0/where", {"n_params": [[1]]}, "fits.0.where.n_params: holds numbers and text to "),
        ("fits/0/where", {"seed": [{"a": 1}]}, "fits.0.where.seed: holds numbers and text to com"),
        ("fits/0/where", {"seed": [10**30]}, "fits.0.where.seed: holds numbers and text to compa"),
    ],
)  # fmt: skip
def test_a_value_beyond_what_can_be_held_is_refused(project, path, value, said):
    assert refusal(project, changed(TRAINED, path, value)).startswith(said)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("sweeps/grid/n_params", [1e20], "sweeps.grid.n_params: must be below 2^63 (9.2e18), got "),
        ("sweeps/grid/seed", [1e19], "sweeps.grid.seed: must be below 2^63 (9.2e18), got 1e+19"),
        ("sweeps/grid", {"n_params": [1e18], "tokens_per_param": [1e10]},
         "sweeps.grid: n_params and n_tokens must be from 1 to 2^63 (9.2e18); at n_params 1e+18, "),
        ("noise_sd", 1e4, "noise_sd: input should be less than or equal to 10"),
        ("parameters/A", 1e308, "parameters: the loss at n_params 1e+06, n_tokens 1e+08 is inf"),
        ("sweeps/grid", {k: [float(i) for i in range(1, 2001)] for k in ("n_params", "n_tokens")},
         "sweeps.grid: 4,000,000 runs are more than the 100,000 that can be drawn"),
    ],
)  # fmt: skip
def test_planted_losses_that_no_table_can_hold_are_refused(project, path, value, said):
    study = changed(PLANTED, "parameters", PLANTED["parameters"] | {"alpha": 0.0, "beta": 0.0})
    study = study if path == "parameters/A" else PLANTED
    if path == "parameters/A":
        study = changed(study, "parameters/B", 1e308)
    assert refusal(project, changed(study, path, value)).startswith(said)


def test_a_model_that_no_machine_holds_is_refused_whatever_the_budget(project):
    study = changed(LANGUAGE, "settings/model/d_model", 10**9)
    said = refusal(project, study, budget={"flops": 1e300, "runs": 10})
    assert said.startswith("sweeps.data: model: a run needs 1.9e+20 bytes of memory to be trained")


def test_half_of_a_character_is_refused_where_it_is_read(project):
    project(TRAINED)
    path = project.root / "config" / "studies" / "mine.yaml"
    path.write_text(path.read_text().replace("question: q", 'question: "\\ud83d"'))
    with pytest.raises(UserError, match=r"line \d+: '\\ud83d' holds half of a character"):
        load_project({"studies": ["mine"], "budget": BUDGET}, project.root)
    overrides = {"mine": {"question": "\ud83d"}}
    assert refusal(project, TRAINED, overrides=overrides).startswith("question: '\\ud83d' holds")


def test_numbers_with_an_exponent_are_numbers_wherever_they_are_written(project):
    """Snakemake reads config.yaml by YAML 1.1, in which 1e-3 is text."""
    changes = {
        "settings": {"training": {"peak_lr": "1e-3"}},
        "fits": [TRAINED["fits"][0] | {"where": {"peak_lr": ["1e-3"]}}],
    }
    by_config = project(TRAINED, budget={"flops": "1e15", "runs": 10}, overrides={"mine": changes})
    by_file = project(changed(TRAINED, "settings/training/peak_lr", 1e-3))
    assert list(by_config.plan.runs) == list(by_file.plan.runs)
    assert by_config.studies["mine"].fits[0].where == {"peak_lr": [0.001]}
    grid = {"mine": {"sweeps": {"widths": {"grid": {"training.peak_lr": ["1e-3", "2e-3"]}}}}}
    assert len(project(TRAINED, overrides=grid).plan.runs) == 4


def test_text_that_looks_like_a_number_stays_text_where_text_is_wanted(project):
    assert project(TRAINED, overrides={"mine": {"title": "1e5"}}).studies["mine"].title == "1e5"


@pytest.mark.parametrize(
    ("study", "path", "value", "said"),
    [
        (TRAINED, "sweeps/widths/grid", {"model.widht": [2, 4]},
         "sweeps.widths.grid.model.widht: unknown key; did you mean 'width'?"),
        (TRAINED, "sweeps/widths/set", {"model": {"widht": 2}},
         "sweeps.widths.set.model.widht: unknown key; did you mean 'width'?"),
        (TRAINED, "sweeps/widths/grid", {"model": [{"width": 0}]},
         "sweeps.widths.grid.model.width: input should be greater than 0, got 0"),
        (TRAINED, "settings/model/n_hiden", 2,
         "settings.model.n_hiden: unknown key; did you mean 'n_hidden'?"),
        (LANGUAGE, "corpora/books/paths", ["bok.txt"],
         "corpora.books: paths[0]: there is no file 'bok.txt' (looked from "),
        (LANGUAGE, "settings/task/corpus", "boks",
         "settings.task.corpus: unknown corpus 'boks', there are books; did you mean 'books'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_the_key_that_holds_it(project, study, path, value, said):
    assert refusal(project, changed(study, path, value)).startswith(said)


def test_more_tokens_than_a_prepared_corpus_has_are_refused(project):
    """A BPE corpus has fewer tokens than bytes: how many is known when it is prepared."""
    bpe = {"kind": "bpe", "vocab_size": 260}
    study = changed(LANGUAGE, "corpora/books/tokenizer", bpe)
    study = changed(study, "sweeps/data/grid", {"data.n_tokens": [320, 12_000]})
    (corpus_id,) = project(study).corpora
    root = project.root
    card = prepare(study["corpora"]["books"], root, root / "results" / "corpora" / corpus_id)
    most = card["train_tokens"] - 1
    assert refusal(project, study) == (
        f"sweeps.data: data.n_tokens: 12,000 is more than the {most:,} training tokens of "
        "the corpus 'books'; set data.n_unique_tokens for several epochs"
    )
    (root / "results" / "corpora" / corpus_id / "card.json").write_text("{}")
    project(study)


def test_more_tokens_than_a_text_has_bytes_are_refused(project):
    study = changed(LANGUAGE, "corpora/books/tokenizer", {"kind": "bpe", "vocab_size": 260})
    study = changed(study, "sweeps/data/grid", {"data.n_tokens": [15_000]})
    assert refusal(project, study).startswith("sweeps.data: data.n_tokens: 15,000 is more than ")


def test_an_unknown_corpus_is_told_beside_all_registered_ones(project):
    entry = {"title": "t", "licence": "l", "source": "s", "kind": "stdlib"}
    (project.root / "config").mkdir()
    (project.root / "config" / "corpora.yaml").write_text(yaml.safe_dump({"stdlib": entry}))
    assert refusal(project, changed(LANGUAGE, "settings/task/corpus", "stdlb")) == (
        "settings.task.corpus: unknown corpus 'stdlb', there are books, stdlib; did you mean "
        "'stdlib'?"
    )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("fits/0/variables", {"x": "run_id", "loss": "loss"},
         "fits.f.variables.x: got 'run_id', a column of text; there are approximation_loss, "),
        ("fits/0/variables", {"x": "n_parms", "loss": "loss"},
         "fits.f.variables.x: got 'n_parms'; did you mean 'n_params'?"),
        ("fits/0/where", {"n_parms": [1]}, "fits.f.columns: got 'n_parms'; did you mean 'n_param"),
        ("analyses/0/x", "status", "analyses.laws: x: got 'status', a column of text; there are "),
        ("analyses/0/x", "n_parms", "analyses.laws: x: got 'n_parms'; did you mean 'n_params'?"),
        ("analyses/0/laws", ["nolaw"], "analyses.laws: laws: got 'nolaw'; there are power_law, "),
        ("analyses/0/laws", ["chinchilla"], "analyses.laws: laws: must be laws of one variable, "
         "'chinchilla' is one of n_params, n_tokens"),
        ("figures/0/x", "run_id", "figures.g: columns: got 'run_id', a column of text; there are"),
        ("figures/0/y", "task", "figures.g: columns: got 'task', a column of text; there are app"),
        ("figures/0/by", "shedule", "figures.g: columns: got 'shedule'; did you mean 'schedule'?"),
        ("figures/1/by", "status", "figures.c: columns: got 'status', a column of text; there ar"),
        ("figures/1/x", "run_id", "figures.c: columns: 'run_id' holds text, not numbers"),
        ("figures/1/x", "stepp", "figures.c: columns: 'stepp' is none of the curves'; did you me"),
        ("figures/1/x", "n_params", "figures.c: columns: 'n_params' is none of the curves'"),
        ("figures/2/size", "approaches",
         "figures.k: size: 'approaches' is of kind approaches, needed is an analysis that does "
         "size_laws; there are laws"),
        ("figures/2/size", "lwas",
         "figures.k: size: there is no 'lwas', needed is an analysis that does size_laws; did you "
         "mean 'laws'?"),
        ("comparison/0/parameter", "alhpa",
         "comparison.0.parameter: got 'alhpa'; did you mean 'alpha'?"),
        ("comparison/0/group", "width=2",
         "comparison.0.group: got 'width=2', of the fit 'f'; it has no groups"),
        ("comparison/1/group", "wdith=2",
         "comparison.1.group: got 'wdith=2', of the fit 'h'; its groups are width=VALUE"),
        ("comparison/0/of", "prediction",
         "comparison.0.of: got 'prediction'; there are approaches"),
        ("figures/0/draw", "los_against_x",
         "figures.0.draw: got 'los_against_x'; did you mean 'loss_against_x'?"),
        ("figures/0/draw", 3, "figures.0.draw: got "),
        ("sweeps", {"bad name": TRAINED["sweeps"]["widths"]}, "sweeps.bad name: a name has only "),
        ("figures/0", {"name": "g"}, "figures.0: needs a key `draw`, got {'name': 'g'}"),
        ("analyses/0", 3, "analyses.0: must be a name, or hold keys and values, got 3"),
        ("figures/2", {"draw": "seed_scatter", "loss_label": "nats"},
         "figures.2: the key `loss_label` of `seed_scatter` is no more; delete it: "),
        ("figures/1/draw", "isoflop",
         "figures.1: the figure `isoflop` is no more; write {draw: chinchilla_isoflop, approaches: "
         "NAME}, NAME being an analysis that does `approaches`"),
        ("figures/2/where", {"n_params": [1]},
         "figures.2.kaplan_size_laws.where: unknown key; allowed are caption, draw, loss_label, "),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_drawn_fitted_or_compared_is_refused(project, path, value, said):
    assert refusal(project, changed(DRAWN, path, value)).startswith(said)


def test_an_analysis_before_one_that_it_reads_is_refused(project):
    noise = {"do": "seed_noise", "sweeps": ["widths"]}
    fitted = {"do": "overfitting", "sweeps": ["widths"]}
    said = refusal(project, TRAINED | {"analyses": [fitted, noise]})
    assert said == (
        "analyses.overfitting: reads 'noise' (seed_noise), which is listed after it; list it before"
    )
    project(TRAINED | {"analyses": [noise, fitted]})
    project(TRAINED | {"analyses": [fitted]})


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("analyses/2/levels", True, "analyses.2.loss_reached.levels: input should be a valid "
         "integer, or input should be a valid list, got True"),
        ("analyses/2/levels", [1.5, -1.0], "analyses.2.loss_reached.levels.1: input should be gre"),
        ("figures/0/series", {"widths": 3}, "figures.0.loss_against_x.series.widths: input should"),
        ("figures/0/series", {"widths": {"y": "loss"}},
         "figures.0.loss_against_x.series.widths.label: missing"),
    ],
)  # fmt: skip
def test_a_value_that_may_be_of_two_kinds_is_one_problem(project, path, value, said):
    assert refusal(project, changed(DRAWN, path, value)).startswith(said)


@pytest.mark.parametrize("value", [True, 0, "some"])
def test_unique_tokens_of_no_kind_are_one_problem(project, value):
    said = refusal(project, changed(LANGUAGE, "settings/data/n_unique_tokens", value))
    assert said.startswith("settings.data.n_unique_tokens: input should be ")
    assert said.endswith(f", or allowed are all, got {value!r}")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("columns", TABLE["columns"] | {"n_prams": "P"},
         "columns.n_prams: is not a column of runs with numbers; did you mean 'n_params'?"),
        ("columns", {"n_params": "N", "n_tokens": "D"}, "columns.loss: missing"),
        ("fits/0/variables/n_tokens", "n_unique_tokens",
         "fits.f.variables.n_tokens: got 'n_unique_tokens'; "),
        ("fits/0/by", "seed", "fits.f.columns: got 'seed'; did you mean 'sweep'?"),
    ],
)  # fmt: skip
def test_a_table_has_the_columns_that_its_study_gives(project, path, value, said):
    study = changed(TABLE, path, value)
    if path == "columns":
        study.pop("fits")
    assert refusal(project, study).startswith(said)

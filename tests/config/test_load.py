"""What a user may write, and what they are told when it is wrong."""

from pathlib import Path

import pytest

from isoloss.config.load import merged, parse_config, parse_study, read_yaml, whole_studies
from isoloss.config.reading import as_read
from isoloss.errors import UserError

CONFIG = {"studies": ["one"], "budget": {"flops": 1e12, "runs": 10}}
STUDY = {
    "title": "t",
    "question": "q",
    "theory": "th",
    "settings": {},
    "sweeps": {"width": {"grid": {"model.width": [2, 4]}}},
}
OWN_LABEL = {"loss_label": "my loss"}


def problems(error: pytest.ExceptionInfo) -> tuple[str, ...]:
    return error.value.problems


def test_every_problem_is_said_at_once_with_its_full_key():
    with pytest.raises(UserError) as error:
        parse_config({"studys": ["a"], "budget": {"flops": "much", "runs": 0, "run": 1}})
    assert problems(error) == (
        "studies: missing",
        "budget.flops: input should be a valid number, got 'much'",
        "budget.runs: input should be greater than 0, got 0",
        "budget.run: unknown key; did you mean 'runs'?",
        "studys: unknown key; did you mean 'studies'?",
    )


@pytest.mark.parametrize("folder", ["/elsewhere", "../up", "a/../../b", ""])
def test_results_stay_inside_the_project(folder):
    with pytest.raises(UserError) as error:
        parse_config(CONFIG | {"results": folder})
    assert problems(error) == (f"results: must be a folder inside the project, got {folder!r}",)


@pytest.mark.parametrize(
    ("results", "figures"),
    [("results", "results/studies"), ("a/b", "a"), ("same", "same"), ("a/b", "a/./b")],
)
def test_results_and_figures_are_apart(results, figures):
    with pytest.raises(UserError) as error:
        parse_config(CONFIG | {"results": results, "figures": figures})
    (problem,) = problems(error)
    assert problem.startswith("figures: ")


def test_folders_beside_each_other_are_apart():
    parse_config(CONFIG | {"results": "out/results", "figures": "out/figures"})


def test_a_study_named_twice_or_overridden_without_being_named_is_refused():
    with pytest.raises(UserError) as error:
        parse_config(CONFIG | {"studies": ["one", "one"], "overrides": {"on": {}}})
    assert problems(error) == (
        "overrides.on: is not one of the studies; did you mean 'one'?",
        "studies: 'one' is given twice",
    )


@pytest.mark.parametrize("name", ["../etc", "a/b", "", ".hidden", "a b"])
def test_a_study_name_cannot_leave_its_folder(name):
    with pytest.raises(UserError) as error:
        parse_config(CONFIG | {"studies": [name]})
    assert problems(error) == (
        "studies.0: a name has only letters, digits, '_' and '-', and starts with a letter or "
        f"digit, got {name!r}",
    )


def test_an_unknown_source_names_the_nearest():
    with pytest.raises(UserError) as error:
        parse_study(STUDY | {"source": "trainning"}, "x.yaml")
    assert problems(error) == (
        "source: got 'trainning', allowed are training, planted, published, studies, table; did "
        "you mean 'training'?",
    )


@pytest.mark.parametrize(
    ("sweep", "problem"),
    [
        (
            {"grid": {}},
            "dictionary should have at least 1 item after validation, not 0, or input should be a"
            " valid list, got {}",
        ),
        (
            {"grid": {"model.width": []}},
            "grid.model.width has no values, so there would be no runs",
        ),
        ({"grid": {"model.width": [2, 4, 2]}}, "grid.model.width has 2 twice"),
        (
            {"grid": [{"model.width": [2]}, {"model.width": [4, 4]}]},
            "grid.1.model.width has 4 twice",
        ),
        ({"grid": {"model.width": [2]}, "seeds": []}, "seeds is empty, so there would be no runs"),
        ({"grid": {"model.width": [2]}, "seeds": [1, 1]}, "seeds has a seed twice: [1, 1]"),
    ],
)
def test_a_sweep_without_runs_or_with_a_run_twice_is_refused(sweep, problem):
    with pytest.raises(UserError) as error:
        parse_study(STUDY | {"sweeps": {"width": sweep}}, "x.yaml")
    key = "sweeps.width.grid" if sweep["grid"] == {} else "sweeps.width"
    assert problems(error) == (f"{key}: {problem}",)


def test_the_unit_of_loss_is_in_each_label_that_the_study_does_not_give():
    figures = ["kaplan_frontiers", {"draw": "kaplan_depth"}, {"draw": "kaplan_optimum"} | OWN_LABEL]
    study = parse_study(STUDY | {"loss_unit": "bits per byte", "figures": figures}, "x.yaml")
    assert [figure.loss_label for figure in study.figures] == [
        "held-out loss (bits per byte)",
        "held-out loss (bits per byte)",
        "my loss",
    ]


def test_a_missing_study_names_the_nearest(tmp_path):
    (tmp_path / "sine.yaml").write_text("title: t\n")
    found = whole_studies(parse_config(CONFIG | {"studies": ["sien"]}), tmp_path)
    assert found == ({}, [f"studies: there is no {tmp_path / 'sien.yaml'}; did you mean 'sine'?"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1", "is not YAML"),
        ("- 1\n- 2\n", "must hold keys and values, got list"),
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is given twice"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path, text, problem):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert error.value.where == str(path)
    assert problems(error)[0].startswith(problem)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(UserError) as error:
        read_yaml(tmp_path / "no.yaml")
    assert problems(error) == ("could not be read: No such file or directory",)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="could not be read: 'utf-8' codec"):
        read_yaml(tmp_path / "binary.yaml")


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "1E-3"])
def test_scientific_notation_is_a_number(tmp_path, text):
    path = tmp_path / "number.yaml"
    path.write_text(f"a: {text}\n")
    assert read_yaml(path) == {"a": 0.001}


def test_overrides_change_what_they_name_and_nothing_else():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 2}
    assert merged(base, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}, "d": 2}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 2}


def test_an_override_changes_sections_of_a_list_by_their_names():
    base = {"analyses": [{"do": "fit", "draws": 1}, {"do": "fit", "name": "b"}], "figures": ["c"]}
    changes = {"analyses": {"b": {"draws": 9}}, "figures": {"c": {"sweeps": ["d"]}}}
    assert merged(base, changes) == {
        "analyses": [{"do": "fit", "draws": 1}, {"do": "fit", "name": "b", "draws": 9}],
        "figures": [{"draw": "c", "sweeps": ["d"]}],
    }
    assert base["figures"] == ["c"] and "draws" not in base["analyses"][1]


def test_an_override_replaces_a_list_of_grids():
    base = {"sweeps": {"grid": {"grid": [{"a": [1]}, {"a": [2], "b": [3]}]}}}
    changes = {"sweeps": {"grid": {"grid": {"a": [4]}}}}
    assert merged(base, changes) == changes


def test_an_override_of_a_section_that_a_list_lacks_names_the_nearest():
    base = {"analyses": [{"do": "recount"}, {"do": "curvature", "name": "bend"}]}
    with pytest.raises(UserError, match="analyses: there is no 'recont'; did you mean 'recount'"):
        merged(base, {"analyses": {"recont": {}}})


@pytest.mark.parametrize(
    "path", sorted(Path("config/studies").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_study_that_is_shipped_is_valid(path):
    parse_study(read_yaml(path), str(path))


def test_text_of_the_command_line_has_the_values_that_a_file_would_give():
    """Snakemake hands over lists and mappings of --config as text alone."""
    given = {"budget": {"runs": "10", "flops": "1e12"}, "studies": ["sine"], "resume": "true"}
    given["overrides"] = {"text": {"title": "a: b", "settings": {"steps": "~", "x": "1.5"}}}
    assert as_read(given) == {
        "budget": {"runs": 10, "flops": 1e12}, "studies": ["sine"], "resume": True,
        "overrides": {"text": {"title": "a: b", "settings": {"steps": None, "x": 1.5}}},
    }  # fmt: skip
    assert as_read({"date": "2026-99-99", "device": "cpu", "n": 3}) == {
        "date": "2026-99-99", "device": "cpu", "n": 3,
    }  # fmt: skip

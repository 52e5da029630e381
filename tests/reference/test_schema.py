"""Schemas for editors and the page of exhibits say what the models say."""

import functools
import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import yaml
from tests.config.test_border import STUDIES

from isoloss.config import compared, runs, study
from isoloss.config.load import read_config
from isoloss.config.reading import read_yaml
from isoloss.corpus.spec import kinds
from isoloss.reference import exhibits, schema
from isoloss.reference.comments import meanings
from isoloss.reference.models import kinds_of
from isoloss.tasks import TASKS, task
from isoloss.tasks.language.settings import LanguageTask

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
WRITTEN = sorted(path.name for path in (ROOT / schema.FOLDER).iterdir())
PRESETS = ["config.yaml", "smoke.yaml", "full.yaml", "gpu.yaml", "paper.yaml", "workstation.yaml"]
SHIPPED = dict.fromkeys(sorted((CONFIG / "studies").glob("*.yaml")), "study")
SHIPPED |= {CONFIG / name: "config" for name in PRESETS}
SHIPPED |= {CONFIG / "corpora.yaml": "corpora"}


@functools.cache
def made():
    """The schemas of the models: file name -> schema."""
    return schema.schemas()


def refusals(kind, value):
    """What an editor would say of a file."""
    checker = jsonschema.Draft7Validator(made()[f"{kind}.schema.json"])
    return [error.message for error in checker.iter_errors(value)]


def test_every_schema_is_written_and_no_other():
    assert sorted(made()) == WRITTEN


@pytest.mark.parametrize("name", WRITTEN)
def test_a_schema_is_as_the_models_say(name):
    written = (ROOT / schema.FOLDER / name).read_text(encoding="utf-8")
    command = "python -m isoloss.reference.schema"
    assert written == schema.text(made()[name]), f"run `{command}` and commit what it writes"
    jsonschema.Draft7Validator.check_schema(made()[name])


def test_the_page_of_exhibits_is_as_the_models_say():
    written = (ROOT / exhibits.PAGE).read_text(encoding="utf-8")
    command = "python -m isoloss.reference.exhibits"
    assert written == exhibits.page(), f"run `{command}` and commit what it writes"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_file_that_is_shipped_names_its_schema_and_agrees_with_it(path):
    first, _ = path.read_text(encoding="utf-8").split("\n", 1)
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == CONFIG / "schema" / f"{SHIPPED[path]}.schema.json"
    assert refusals(SHIPPED[path], read_yaml(path)) == []


@pytest.mark.parametrize("given", STUDIES.values(), ids=STUDIES)
def test_studies_of_every_source_agree_with_the_schema(given):
    assert refusals("study", given) == []


def spoilt(path, key, value):
    """The language-model study with one key more, in the section at a path."""
    found = read_yaml(CONFIG / "studies" / "text.yaml")
    section = found
    for part in path:
        section = section[part]
    section[key] = value
    return found


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ([], "sweps", {}),
        (["settings", "model"], "d_modle", 8),
        (["settings", "training"], "peak_lrr", 0.1),
        (["sweeps", "grid"], "gird", {}),
        (["sweeps", "again", "grid"], "model.d_modle", [8]),
        (["sweeps", "grid", "grid", 1], "model.d_modle", [8]),
        (["sweeps", "seeds"], "set", {"model": {"d_modle": 8}}),
        (["corpora", "stdlib"], "heldout_shar", 0.1),
        (["fits", 0], "objectiv", "lad"),
        (["analyses", 0], "levls", 3),
        (["figures", 0], "titel", "t"),
    ],
)
def test_a_misspelt_key_is_refused_where_it_stands(path, key, value):
    (said,) = refusals("study", spoilt(path, key, value))
    wrong = "d_modle" if path == ["sweeps", "seeds"] else key
    assert said == f"Additional properties are not allowed ('{wrong}' was unexpected)"


@pytest.mark.parametrize(
    ("path", "key", "value", "said"),
    [
        (["settings", "training"], "schedule", "cosin", "'cosin' is not one of ['constant', "),
        (["figures", 0], "draw", "los_grid", "'los_grid' is not one of ['allocation', "),
        (["sweeps", "seeds"], "seeds", 0, "0 is not valid under any of the given schemas"),
        (["settings", "model"], "n_layer", 0, "0 is less than or equal to the minimum of 0"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(path, key, value, said):
    (found,) = refusals("study", spoilt(path, key, value))
    assert found.startswith(said)


def test_a_misspelt_key_of_a_config_and_of_its_changes_is_refused():
    assert refusals("config", {"studys": ["text"]})
    assert refusals("config", {"overrides": {"text": {"settings": {"model": {"d_modle": 8}}}}})
    assert refusals("corpora", {"mine": {"title": "t", "licence": "l", "sorce": "s"}})


def test_snakemake_and_isoloss_read_past_the_line_for_editors():
    for path in (CONFIG / name for name in PRESETS):
        assert yaml.safe_load(path.read_text()).keys() == read_yaml(path).keys()
    assert "studies" in read_config(ROOT)


SECTIONS = [
    *(study.Config, study.Budget, *study.SOURCES.values(), study.Sweep, study.Fit, study.Theory),
    *(study.Prediction, compared.Compared, *kinds().values()),
    *dict.fromkeys(
        section
        for name in TASKS
        for field in task(name).Run.model_fields.values()
        for section in (get_args(field.annotation) or [field.annotation])
    ),
]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_has_a_meaning(section):
    """But for the key that says which kind a section is."""
    assert [key for key in section.model_fields if key not in meanings(section)] in (
        [],
        ["kind"],
        ["source"],
    )


def test_a_meaning_is_the_comment_behind_a_key_and_the_lines_above_it():
    found = meanings(LanguageTask)
    assert found["context"] == "tokens that a prediction can see"
    assert found["corpus"].startswith("A corpus of the study's or of config/corpora.yaml; in a ")
    assert meanings(runs.Stepped)["beta1"] == meanings(runs.Optimisation)["beta1"] != ""


@pytest.mark.parametrize("what", ["figures", "analyses"])
def test_every_kind_of_exhibit_is_explained(what):
    page = exhibits.page()
    kinds = kinds_of(what)
    assert len(kinds) > 10
    for kind, model in kinds.items():
        section = page.split(f"### `{kind}`\n\n", 1)[1].split("\n###", 1)[0]
        assert model.__doc__.strip().split("\n")[0] in section
        common = exhibits.PARTS[what][1:]
        own = [key for key in model.model_fields if key not in (common[0], *common[1])]
        assert [key for key in own if f"\n| `{key}` | " not in section] == []


def test_the_page_says_which_analysis_a_figure_needs():
    section = exhibits.page().split("### `kaplan_size_laws`\n", 1)[1].split("\n###", 1)[0]
    assert "name of an analysis of kind `size_laws`" in section


def test_a_schema_holds_all_that_it_refers_to():
    for one in made().values():
        text = json.dumps(one)
        for name in one["$defs"]:
            assert f'"#/$defs/{name}"' in text

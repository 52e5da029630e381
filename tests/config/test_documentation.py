"""config/README.md explains every key that a config may have."""

from pathlib import Path
from typing import get_args

import pytest

from isoloss.config import study
from isoloss.tasks import names, task

TEXT = (Path(__file__).parents[2] / "config" / "README.md").read_text()
SECTIONS = [
    *(study.Config, study.Budget, study.Texts, study.Grid, study.Sweep, study.Fit, study.Theory),
    *(study.Trained, study.Planted, study.Table, study.Frontier),
    *dict.fromkeys(
        section
        for name in names()
        for field in task(name).Run.model_fields.values()
        for section in get_args(field.annotation) or (field.annotation,)
    ),
]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_is_explained(section):
    missing = [
        key
        for key in section.model_fields
        if not any(written in TEXT for written in (f"`{key}`", f".{key}`", f"`{key}."))
    ]
    assert not missing

"""What tests of several folders share, and in which order they come."""

import os

from isoloss.runtime.client import ONE_THREAD

os.environ |= ONE_THREAD  # before numpy and torch are imported: workers of pytest share the cores

import numpy as np
import pytest

# Minutes, or much of one: they come first, so that no worker is left with one of them at the end.
LONGEST = (
    *("slurm/test_slurm_events", "slurm/", "workflow/test_smoke", "survival", "workflow"),
    *("schedulers", "native", "models", "test_light_install", "test_extending_page"),
    *("exhibits", "cli/test_fit"),
)


def pytest_collection_modifyitems(items):
    """Begin with the longest files."""

    def place(item):
        file = item.nodeid.removeprefix("tests/")
        return next((i for i, name in enumerate(LONGEST) if file.startswith(name)), len(LONGEST))

    items.sort(key=place)


@pytest.fixture
def rng():
    """The same random numbers in every test."""
    return np.random.default_rng(12345)

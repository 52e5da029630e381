"""The cluster that the tests of this folder share."""

import pytest
from tests.slurm.cluster import NoSlurm, Slurm, why_not


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A SLURM with more CPUs than there are, and a GPU that is none."""
    reason = why_not()
    if reason:
        pytest.skip(f"no SLURM here: {reason}")
    try:
        with Slurm(tmp_path_factory.mktemp("slurm") / "cluster", cpus=6, gpus=1) as cluster:
            yield cluster
    except NoSlurm as error:
        pytest.skip(f"no SLURM here: {error}")

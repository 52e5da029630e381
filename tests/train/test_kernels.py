"""What two kernels have computed is not mixed in silence."""

from argparse import Namespace

import pytest
from tests.train.engines import NO_LIBRARY

from isoloss.config.load import parse
from isoloss.errors import UserError
from isoloss.runtime.job import KERNEL
from isoloss.tasks.function.settings import FunctionRun
from isoloss.train.session import Session
from isoloss.train.state import save_state

pytestmark = NO_LIBRARY
RUN = {
    "task": {"kind": "function", "target": "sine"},
    "model": {"width": 8},
    "data": {"n_samples": 64, "n_heldout": 32},
    "training": {"peak_lr": 1e-2, "schedule": "constant", "steps": 20},
}


@pytest.fixture
def session(monkeypatch, tmp_path):
    """A function: kernel, and files to go on from -> a training job."""

    def start(kernel, checkpoint=None, trunk=None):
        monkeypatch.setenv(KERNEL, kernel)
        arguments = Namespace(seed=0, checkpoint=checkpoint)
        run = parse(FunctionRun, RUN, "run")
        return Session(run, arguments, None, of="one", trunk=trunk and str(trunk))

    return start


def kept(begun, path, **about):
    """The state of a job after its training, in a file."""
    begun.train()
    save_state(path, begun.trainer.state(), begun.about | about)
    return path


def test_a_checkpoint_of_another_kernel_is_not_continued(session, tmp_path, capsys):
    path = kept(session("torch"), tmp_path / "one.safetensors")
    assert session("torch", checkpoint=path).trainer.step == 20
    assert session("native", checkpoint=path).trainer.step == 0
    assert f"{path} has another kernel; starting again" in capsys.readouterr().err


@pytest.mark.parametrize(("before", "after"), [("torch", "native"), ("native", "torch")])
def test_a_trunk_of_another_kernel_is_refused(session, tmp_path, before, after):
    path = kept(session(before), tmp_path / "trunk.safetensors", of="trunk")
    assert session(before, trunk=path).trainer.step == 20
    with pytest.raises(UserError, match=f"was trained by the kernel {before} .*Remove the file"):
        session(after, trunk=path)


def test_a_trunk_of_another_version_is_named_with_its_run(session, tmp_path, capsys):
    begun = session("native")
    path = kept(begun, tmp_path / "trunk.safetensors", of="trunk", kernel="native 0")
    on = session("native", trunk=path)
    assert on.trainer.step == 20
    assert on.machine()["kernel"] == f"native 0, then {begun.engine.kernel}"
    assert "was trained by native 0; going on with native" in capsys.readouterr().err

"""The environment variables that jobs inherit from the Snakemake that starts them."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from isoloss import extensions
from isoloss.runtime import client
from isoloss.runtime.client import CLIENT
from isoloss.runtime.job import COMMIT, DEVICE, KERNEL


def set_environment(code: str | Path, device: str, kernel: str, own: Iterable[str] = ()) -> None:
    """Set the variables: this Python and package, device, kernel, commit, and extensions.

    Device, kernel and commit are no params of rules, so that others make no result stale.

    Parameters
    ----------
    code : path
        The folder of the package, `workflow`.
    device : str
        The device, as in the config.
    kernel : str
        What trains, as in the config.
    own : iterable of str
        Paths of the project's extensions, relative to the project.
    """
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    packages = [str(code), os.environ.get("PYTHONPATH", "")]
    os.environ["PATH"] = os.pathsep.join(filter(None, path))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, packages))
    os.environ[CLIENT] = client.__file__
    os.environ[DEVICE] = device
    os.environ[KERNEL] = kernel
    os.environ[extensions.PATHS] = os.pathsep.join(own)
    os.environ[COMMIT] = commit(code) or ""


def commit(code: str | Path) -> str | None:
    """The commit of a folder of code, with "+" if files differ from it; None outside of git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(code), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None

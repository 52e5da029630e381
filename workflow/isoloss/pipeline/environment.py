"""What jobs inherit from the process that started them."""

import os
import subprocess
import sys
from pathlib import Path

from isoloss.runtime.job import COMMIT, DEVICE


def set_environment(root: str | Path, device: str) -> None:
    """Set what jobs inherit: this Python and this package, the device, the commit.

    The last two are no params of rules, because another device or commit makes no result stale.
    """
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    packages = [str(root), os.environ.get("PYTHONPATH", "")]
    os.environ["PATH"] = os.pathsep.join(filter(None, path))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, packages))
    os.environ[DEVICE] = device
    os.environ[COMMIT] = commit(root) or ""


def commit(root: str | Path) -> str | None:
    """The commit of the project's code, with "+" if files differ from it; None outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None

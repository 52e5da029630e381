"""What the processes of the worker pool import once, for all jobs that they fork."""

import gc
import importlib
import pkgutil
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from isoloss.runtime.job import ANALYSIS, COMMANDS, TORCH
from isoloss.tasks import TASKS

NATIVE = "native"  # the first process
# The commands that begin there; others begin at ANALYSIS.
OF_NATIVE = ("train", "trunk", "stack", "corpus")
# The libraries that jobs import, when they start or at their first use.
LIBRARIES = {
    NATIVE: ("numpy.random", "pyarrow.parquet", "safetensors.numpy"),
    ANALYSIS: (
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_pdf",
        "matplotlib.figure",
        "pandas",
        "scipy.optimize",
        "scipy.stats",
    ),
    TORCH: ("torch",),
}
# Our own modules that jobs import; of a subpackage, all modules.
MODULES = {
    NATIVE: (
        *(COMMANDS[name] for name in OF_NATIVE),
        *(TASKS[name] for name in TASKS),
        *(f"isoloss.tasks.{name}.data" for name in ("copy", "function", "language")),
        *("isoloss.train.outcome", "isoloss.train.trunk", "isoloss.corpus.load"),
        *("isoloss.train.engines.native", "isoloss.native.build"),
    ),
    ANALYSIS: (*COMMANDS.values(), "isoloss.tasks.polynomial.solution"),
    TORCH: ("isoloss.tasks.pytorch", "isoloss.train.engines.pytorch"),
}
PACKAGES = {
    NATIVE: (),
    ANALYSIS: (
        *("runs", "laws", "stats", "tables", "results", "charts", "fit", "forecast", "decide"),
        *("exhibits", "report"),
    ),
    TORCH: (),
}


def modules_of(packages: Iterable[str]) -> Iterator[str]:
    """The names of all modules of some of isoloss's subpackages."""
    for package in packages:
        folder = Path(__file__).parents[1] / package
        yield f"isoloss.{package}"
        for module in pkgutil.walk_packages([str(folder)], f"isoloss.{package}."):
            yield module.name


def load(loaded: str) -> None:
    """Import all that jobs of a kind need, and keep it as it is."""
    for module in (*LIBRARIES[loaded], *MODULES[loaded], *modules_of(PACKAGES[loaded])):
        importlib.import_module(module)
    # Python 3.12 warns of threads. The one that there is belongs to pyarrow's allocator, jemalloc,
    # which sees to forks itself.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    # The present objects are never garbage. A garbage collector that visits them in a worker would
    # copy all of their memory.
    gc.freeze()

"""Commands, forked from a process that has imported already what they need.

A Snakemake imports for 2 s of CPU time, and its worker pool for 4 s more. A test that runs five
times a few small jobs would spend nearly all of its time on imports. So one process for each worker
of pytest imports everything once, and reads once what the fingerprints of the code are made from:
half of the start of each Snakemake. For each command, it forks a process that takes the command's
folder, environment, arguments and outputs, and does what `python -m` does. A second fork stands
ready to be the worker pool of the command.

Nothing of a command is left in the process that forks, so each command starts anew. What differs
from a command in a shell is the start of Python. The smoke study runs once in each way, and gives
the same bytes. What is killed in tests/survival or submitted in tests/slurm starts as a user does.
"""

import array
import atexit
import contextlib
import gc
import importlib
import itertools
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path

from isoloss.config import exhibits
from isoloss.runtime import fingerprint, job, preloaded, worker_pool
from isoloss.tasks import names

WORKFLOW = Path(worker_pool.__file__).parents[2]
POOL = ["-m", "isoloss.runtime.worker_pool"]
# What Snakemake imports when it reads a Snakefile, and its reports and plugins with it.
OF_SNAKEMAKE = (
    *("docutils.core", "docutils.parsers.rst.states", "dpath", "encodings.idna"),
    *("pygments.formatters.html", "pygments.lexers", "requests", "smart_open"),
    *("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter"),
    *("snakemake.storage", "yte"),
)
OF_RULES = ("isoloss.runtime.disk", "isoloss.runtime.folder_lock", "isoloss.runtime.progress")


class Prepared:
    """Two processes that fork a process for each command: one without the package, and one with it.

    The first is for projects that have code of their own. The second is forked from the first.
    """

    _started: "Prepared | None" = None

    def __init__(self):
        ends = [socket.socketpair() for _ in range(2)]
        theirs = [end.fileno() for _, end in ends]
        environ = os.environ | worker_pool.ONE_THREAD | {"PYTHONPATH": str(WORKFLOW)}
        self.process = subprocess.Popen(
            [sys.executable, __file__, *map(str, theirs)],
            env=environ, pass_fds=theirs, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.connections = [ours.makefile("rw") for ours, _ in ends]
        for end in [end for pair in ends for end in pair]:
            end.close()
        atexit.register(self.end)

    @classmethod
    def get(cls) -> "Prepared":
        """Those of this worker of pytest, which start with its first command."""
        cls._started = cls._started or cls()
        return cls._started

    def run(
        self, module: str, arguments: list[str], folder: Path, environ: dict[str, str]
    ) -> subprocess.CompletedProcess:
        """Run `python -m module` in a folder, as `subprocess.run` does with captured output."""
        connection = self.connections[not _names_other_code(environ)]
        with tempfile.TemporaryDirectory() as outputs:
            paths = [str(Path(outputs) / name) for name in ("stdout", "stderr")]
            request = {"module": module, "argv": arguments, "cwd": str(folder),
                       "environ": environ, "outputs": paths}  # fmt: skip
            connection.write(json.dumps(request) + "\n")
            connection.flush()
            code = json.loads(connection.readline())
            said = [Path(path).read_text() for path in paths]
        return subprocess.CompletedProcess(arguments, code, *said)

    def end(self) -> None:
        """End both."""
        for connection in self.connections:
            connection.close()
        self.process.wait()


def _names_other_code(environ: dict[str, str]) -> bool:
    folders = map(Path, filter(None, environ.get("PYTHONPATH", "").split(os.pathsep)))
    found = next((folder for folder in folders if (folder / "isoloss").is_dir()), WORKFLOW)
    return not found.samefile(WORKFLOW)


def serve(connection: socket.socket) -> None:
    """Fork a command for each line that comes, and answer with its exit code."""
    with connection.makefile("rw") as lines:
        for line in lines:
            request = json.loads(line)
            ours, pools = socket.socketpair()
            pool = _fork(_be_the_pool, pools, request, not_ours=ours)
            pools.close()
            command = _fork(_be_the_command, ours, request)
            ours.close()
            _, status = os.waitpid(command, 0)
            os.waitpid(pool, 0)
            lines.write(json.dumps(os.waitstatus_to_exitcode(status)) + "\n")
            lines.flush()


def _fork(become, end: socket.socket, request: dict, not_ours: socket.socket | None = None) -> int:
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        if not_ours:
            not_ours.close()
        for descriptor, path in zip((1, 2), request["outputs"], strict=True):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
        code = become(end, request)
    except BaseException:  # it must not go on in the code of the process that forks
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _take(environ: dict[str, str], folder: str) -> None:
    """Have the environment of a command, and what Python would do with it."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    named = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [folder, *named, *_AFTER_PYTHONPATH, str(WORKFLOW)]  # as installed: last
    importlib.invalidate_caches()


def _be_the_command(pool: socket.socket, request: dict) -> int:
    _take(request["environ"], request["cwd"])
    _ReadyPool.connection = pool
    subprocess.Popen = _Popen
    sys.argv = [request["module"], *request["argv"]]
    code = 0
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    threading._shutdown()
    atexit._run_exitfuncs()
    return code


class _ReadyPool:
    """The part of `subprocess.Popen` that a worker pool needs, of a process that is there."""

    connection: socket.socket

    def __init__(self, env: dict[str, str], listener: int):
        read, write = os.pipe()
        self.stdin = os.fdopen(write, "wb")
        descriptors = array.array("i", [read, listener])
        message = json.dumps(env).encode()
        self.connection.sendmsg(
            [len(message).to_bytes(8)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        )
        self.connection.sendall(message)
        os.close(read)

    def wait(self) -> int:
        """Wait until the pool has ended."""
        self.connection.recv(1)
        return 0


class _Popen(subprocess.Popen):
    def __new__(cls, args, *others, **options):
        if list(args[1:3]) == POOL:
            return _ReadyPool(options["env"], int(args[3]))
        return super().__new__(cls)


def _be_the_pool(command: socket.socket, request: dict) -> int:
    size, descriptors, _, _ = socket.recv_fds(command, 8, 2)
    if not size:
        return 0  # the command has run no job
    stdin, listener = descriptors
    message = b""
    while len(message) < int.from_bytes(size):
        message += command.recv(int.from_bytes(size))
    _take(json.loads(message), request["cwd"])
    os.dup2(stdin, 0)
    os.close(stdin)
    sys.stdin = os.fdopen(0)
    importlib.import_module(POOL[1]).main(listener)
    return 0


def read_sources() -> None:
    """Find the fingerprints of all rules and tasks; what is read for them is kept in memory."""
    for name in names():
        fingerprint.training_fingerprint(name)
    of_exhibits = {*exhibits.ANALYSES.values(), *exhibits.FIGURES.values()}
    for module in (*job.COMMANDS.values(), *of_exhibits):
        fingerprint.source_fingerprint(module)


def main(without: int, including: int) -> None:
    """Import libraries, and serve; in a fork, import the package too, and serve.

    Parameters
    ----------
    without, including : int
        The descriptors of the connections of both.
    """
    # As in the worker pool: the thread that there is belongs to pyarrow's allocator.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    for module in itertools.chain(OF_SNAKEMAKE, *preloaded.LIBRARIES.values()):
        importlib.import_module(module)
    package = os.fork() == 0
    os.close(without if package else including)
    if package:
        own = itertools.chain(*preloaded.MODULES.values())
        packages = itertools.chain(*preloaded.PACKAGES.values(), ["pipeline"])
        plugin = "snakemake_logger_plugin_isoloss"
        for module in (*own, *OF_RULES, plugin, *preloaded.modules_of(packages)):
            importlib.import_module(module)
        read_sources()
    else:
        for module in [name for name in sys.modules if name.split(".")[0] == "isoloss"]:
            del sys.modules[module]
    gc.freeze()
    serve(socket.socket(fileno=including if package else without))
    if not package:
        os.wait()


if __name__ == "__main__":
    # Where Python looks after the command's own folders.
    _AFTER_PYTHONPATH = [path for path in sys.path[1:] if Path(path) != WORKFLOW]
    main(*map(int, sys.argv[1:]))

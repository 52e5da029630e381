"""A process that has imported everything once, and forks itself for each job.

`start` is called by the workflow before its first job. The process ends when the one that started
it does, or on request; a job ends when the client that asked for it does. A fork computes the same
bytes as a fresh process: it inherits imported modules, and no random state, data or threads.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss.config.runs import RUN_MODELS
from isoloss.files import write_json
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.runtime.job import COMMANDS, ONE_THREAD, WARM_SOCKET, run_command

# What jobs import, when they start or at their first use.
STAGES = (
    "tasks",
    "models",
    "train",
    "runs",
    "laws",
    "fit",
    "analysis",
    "figures",
    "exhibits",
    "report",
)
LIBRARIES = (
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.figure",
    "pandas",
    "pyarrow.parquet",
    "scipy.optimize",
    "scipy.stats",
    "torch",
)
RECEIVE_TIMEOUT_S = 10.0
COSTS = "ISOLOSS_COSTS"  # names a file for the CPU time of each command, for benchmarks


@dataclass
class Warm:
    """A started warm process."""

    process: subprocess.Popen
    folder: tempfile.TemporaryDirectory

    def stop(self) -> None:
        """End it; jobs that still run are told to end."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


def start() -> Warm | None:
    """Start a warm process and name it to later jobs in the environment; None where none can be.

    Only on Linux: elsewhere, forking a process that has imported such libraries is not safe.
    """
    if sys.platform != "linux":
        return None
    # A socket's path may have at most 107 bytes, so it cannot lie in the project.
    folder = tempfile.TemporaryDirectory(prefix="isoloss-")
    address = str(Path(folder.name) / "warm")
    with socket.socket(socket.AF_UNIX) as listener:
        # It listens before it has imported anything, so that early jobs wait in line.
        listener.bind(address)
        listener.listen(1024)
        process = subprocess.Popen(
            [sys.executable, "-m", "isoloss.runtime.worker_pool", str(listener.fileno())],
            stdin=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            pass_fds=[listener.fileno()],
        )
    os.environ[WARM_SOCKET] = address
    return Warm(process, folder)


class _Server:
    """Accepts requests, forks a child for each, and reports the child's exit code."""

    def __init__(self, listener: socket.socket):
        self.listener = listener
        self.selector = selectors.DefaultSelector()
        self.children: dict[int, tuple[str, socket.socket]] = {}  # process -> command, client
        self.cpu_s: dict[str, float] = {}  # command -> of its finished jobs
        self.open = True

    def serve(self) -> None:
        """Serve until the starter has gone and the last job, told to end, has done so."""
        wake_read, wake_write = socket.socketpair()
        wake_write.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(sys.stdin, selectors.EVENT_READ, self._starter_gone)
        self.selector.register(wake_read, selectors.EVENT_READ, self._reap)
        while self.open or self.children:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.settimeout(RECEIVE_TIMEOUT_S)
        try:
            request, outputs = _receive(client)
        except (OSError, ValueError):
            client.close()  # a client that was killed before it had said what it wanted
            return
        child = os.fork()
        if child == 0:
            _be_the_job(request, outputs)
        for descriptor in outputs:
            os.close(descriptor)
        self.children[child] = request["argv"][0], client
        self.selector.register(client, selectors.EVENT_READ, self._client_gone)

    def _starter_gone(self, stdin: Any) -> None:
        self.selector.unregister(stdin)
        self.selector.unregister(self.listener)
        self.listener.close()
        self.open = False
        for child in self.children:  # of a workflow that was killed: they keep their state
            os.kill(child, signal.SIGTERM)

    def _client_gone(self, client: socket.socket) -> None:
        """A client says nothing after its request: what comes is the end of the connection."""
        self.selector.unregister(client)
        for child, (_, waiting) in self.children.items():
            if waiting is client:
                os.kill(child, signal.SIGTERM)

    def _reap(self, wake: socket.socket) -> None:
        wake.recv(4096)
        while self.children:
            child, status, used = os.wait4(-1, os.WNOHANG)
            if child == 0:
                return
            command, client = self.children.pop(child)
            self.cpu_s[command] = self.cpu_s.get(command, 0.0) + used.ru_utime + used.ru_stime
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(OSError):  # the client may have gone
                client.sendall(str(code if code >= 0 else 128 - code).encode())
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(client)
            client.close()


def _receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    size, outputs, _, _ = socket.recv_fds(client, 8, 2)
    expected, received = int.from_bytes(size), b""
    while len(received) < expected:
        part = client.recv(expected - len(received))
        if not part:
            raise ValueError("the request is not whole")
        received += part
    return json.loads(received), outputs


def _be_the_job(request: dict[str, Any], outputs: list[int]) -> None:
    """In the child: take over the client's folder, environment and output, and never return."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for descriptor, target in zip(outputs, (1, 2), strict=True):
            os.dup2(descriptor, target)
        os.closerange(3, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 4096 else 4096)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environ"])
        code = run_command(request["argv"])
    except BaseException:  # the child of a fork must not run its parent's code
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _modules_of(packages: Iterable[str]) -> Iterator[str]:
    """Every module of some of isoloss's subpackages."""
    for package in packages:
        folder = Path(__file__).parents[1] / package
        yield f"isoloss.{package}"
        for module in pkgutil.walk_packages([str(folder)], f"isoloss.{package}."):
            yield module.name


def main(listener: int) -> None:
    """Import everything, then serve the requests that come to a listening socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the workflow, which ends us
    for module in (*LIBRARIES, *COMMANDS.values(), *_modules_of(STAGES)):
        importlib.import_module(module)
    import torch

    torch.set_num_threads(1)
    # Python 3.12 warns of threads. The one that there is belongs to pyarrow's allocator, jemalloc,
    # which sees to forks itself.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    for task in RUN_MODELS:
        training_fingerprint(task)  # of the code that has just been imported; the jobs inherit it
    # What is there now is never garbage: a child that looked for it would copy all of its memory.
    gc.freeze()
    server = _Server(socket.socket(fileno=listener))
    start_up_s = time.process_time()
    server.serve()
    if os.environ.get(COSTS):
        own_s = {"start-up": start_up_s, "serving": time.process_time() - start_up_s}
        write_json(os.environ[COSTS], own_s | server.cpu_s)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""The worker pool: a process that has imported everything once, and forks a worker for each job.

The workflow calls `start` before its first job. The pool ends when the process that started it
ends, or on request. A job ends when its client (`isoloss.runtime.job`) or the pool ends. A worker
computes the same bytes as a fresh process: it inherits imported modules, but no random state, data
or threads.
"""

import contextlib
import ctypes
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

from isoloss.files import write_json
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.runtime.job import (
    COMMANDS,
    ONE_THREAD,
    POOL_SOCKET,
    TRY_AGAIN,
    run_command,
    short_path,
)
from isoloss.tasks import TASKS

# The libraries that jobs import, when they start or at their first use.
PACKAGES = (
    *("tasks", "models", "train", "runs", "laws", "stats", "tables", "results", "charts"),
    *("fit", "forecast", "decide", "exhibits", "report"),
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
PR_SET_PDEATHSIG = 1  # of Linux: the signal that a process gets when its parent ends
KIB_PER_MIB = 1024  # Linux counts memory in KiB
CPU_TIMES = "ISOLOSS_COSTS"  # names a file for the CPU time of each command, for benchmarks


@dataclass
class WorkerPool:
    """A worker pool that has been started."""

    process: subprocess.Popen
    folder: tempfile.TemporaryDirectory

    def stop(self) -> None:
        """Stop the pool, and ask the jobs that still run to end."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


def start() -> WorkerPool | None:
    """Start a worker pool, and name it to later jobs in the environment.

    Returns
    -------
    WorkerPool or None
        None where there can be no pool. On other systems than Linux, a process with such libraries
        cannot fork safely. On Linux, a message says why there is none.
    """
    if sys.platform != "linux":
        return None
    try:
        return _start()
    except OSError as error:
        print(f"isoloss: no worker pool ({error}); each job runs alone", file=sys.stderr)
        return None


def _start() -> WorkerPool:
    folder = tempfile.TemporaryDirectory(prefix="isoloss-")
    address = str(Path(folder.name) / "pool")
    with contextlib.ExitStack() as after_failure, socket.socket(socket.AF_UNIX) as listener:
        after_failure.callback(folder.cleanup)
        # It listens before it has imported anything, so that early jobs wait in line.
        with short_path(address) as path:
            listener.bind(path)
        listener.listen(1024)
        process = subprocess.Popen(
            [sys.executable, "-m", "isoloss.runtime.worker_pool", str(listener.fileno())],
            stdin=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            pass_fds=[listener.fileno()],
        )
        after_failure.pop_all()
    os.environ[POOL_SOCKET] = address
    return WorkerPool(process, folder)


class _Server:
    """Accepts the requests of clients, forks a worker for each, and reports its exit code."""

    def __init__(self, listener: socket.socket):
        self.listener = listener
        self.prctl = ctypes.CDLL(None).prctl  # found before the first fork
        self.pid = os.getpid()
        self.selector = selectors.DefaultSelector()
        self.workers: dict[int, tuple[str, socket.socket]] = {}  # process -> command, client
        self.cpu_s: dict[str, float] = {}  # command -> of its finished jobs
        self.open = True

    def serve(self) -> None:
        """Serve until the parent process has ended, and then until the last job has ended."""
        wake_read, wake_write = socket.socketpair()
        wake_write.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(sys.stdin, selectors.EVENT_READ, self._parent_ended)
        self.selector.register(wake_read, selectors.EVENT_READ, self._reap)
        while self.open or self.workers:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.settimeout(RECEIVE_TIMEOUT_S)
        try:
            request, outputs = _receive(client)
        except (OSError, ValueError):
            client.close()  # a client that was killed before its request was complete
            return
        worker = os.fork()
        if worker == 0:
            # A pool that the kernel kills must leave no training behind.
            self.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != self.pid:
                os._exit(TRY_AGAIN)
            _run_job(request, outputs)
        for descriptor in outputs:
            os.close(descriptor)
        self.workers[worker] = request["argv"][0], client
        self.selector.register(client, selectors.EVENT_READ, self._client_ended)

    def _parent_ended(self, stdin: Any) -> None:
        self.selector.unregister(stdin)
        self.selector.unregister(self.listener)
        self.listener.close()
        self.open = False
        for worker in self.workers:  # of a workflow that was killed: they keep their state
            os.kill(worker, signal.SIGTERM)

    def _client_ended(self, client: socket.socket) -> None:
        """Handle the end of a client's connection: a client sends nothing after its request."""
        self.selector.unregister(client)
        for worker, (_, waiting) in self.workers.items():
            if waiting is client:
                os.kill(worker, signal.SIGTERM)

    def _reap(self, wake: socket.socket) -> None:
        wake.recv(4096)
        while self.workers:
            worker, status, used = os.wait4(-1, os.WNOHANG)
            if worker == 0:
                return
            command, client = self.workers.pop(worker)
            self.cpu_s[command] = self.cpu_s.get(command, 0.0) + used.ru_utime + used.ru_stime
            code = os.waitstatus_to_exitcode(status)
            reply = {"code": code, "peak_memory_mib": round(used.ru_maxrss / KIB_PER_MIB)}
            with contextlib.suppress(OSError):  # the client may have gone
                client.sendall(json.dumps(reply).encode())
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


def _run_job(request: dict[str, Any], outputs: list[int]) -> None:
    """In the worker: take the client's folder, environment and output; never return."""
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
    except BaseException:  # a worker must not continue in the code of the pool
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _modules_of(packages: Iterable[str]) -> Iterator[str]:
    """The names of all modules of some of isoloss's subpackages."""
    for package in packages:
        folder = Path(__file__).parents[1] / package
        yield f"isoloss.{package}"
        for module in pkgutil.walk_packages([str(folder)], f"isoloss.{package}."):
            yield module.name


def main(listener: int) -> None:
    """Import everything, then serve the requests to a listening socket.

    Parameters
    ----------
    listener : int
        The file descriptor of the socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the workflow, which ends us
    for module in (*LIBRARIES, *COMMANDS.values(), *_modules_of(PACKAGES)):
        importlib.import_module(module)
    import torch

    torch.set_num_threads(1)
    # Python 3.12 warns of threads. The one that there is belongs to pyarrow's allocator, jemalloc,
    # which sees to forks itself.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    for task in TASKS:
        training_fingerprint(task)  # of the code that has just been imported; the jobs inherit it
    # The present objects are never garbage. A garbage collector that visits them in a worker would
    # copy all of their memory.
    gc.freeze()
    server = _Server(socket.socket(fileno=listener))
    start_up_s = time.process_time()
    server.serve()
    if os.environ.get(CPU_TIMES):
        own_s = {"start-up": start_up_s, "serving": time.process_time() - start_up_s}
        write_json(os.environ[CPU_TIMES], own_s | server.cpu_s)


if __name__ == "__main__":
    main(int(sys.argv[1]))

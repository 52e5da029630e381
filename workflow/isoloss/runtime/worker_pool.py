"""The worker pool: processes that have imported everything once, and fork a worker for each job.

The workflow calls `start` before its first job. The pool ends when the process that started it
ends, or on request. A job ends when its client (`isoloss.runtime.job`) or the pool ends. A worker
computes the same bytes as a fresh process: it inherits imported modules, but no random state, data
or threads.

A fork costs more CPU time the more its process has imported. So the pool's first process imports
what the native kernel needs to train. Where a job needs more, the first process forks another
one, which imports that, and forks the workers of all such jobs: one for analyses and figures, one
for PyTorch.
"""

import contextlib
import ctypes
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss.files import write_json
from isoloss.native import build
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.runtime.job import (
    ANALYSIS,
    COMMANDS,
    ELSEWHERE,
    ONE_THREAD,
    POOL_SOCKET,
    TRY_AGAIN,
    hold_loaded,
    run_command,
    short_path,
)
from isoloss.runtime.memory import fill_gaps
from isoloss.runtime.portable import AVX2, portable_environment
from isoloss.runtime.preloaded import NATIVE, OF_NATIVE, load
from isoloss.tasks import TASKS

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
            env=os.environ | ONE_THREAD | portable_environment(),
            pass_fds=[listener.fileno()],
        )
        after_failure.pop_all()
    os.environ[POOL_SOCKET] = address
    return WorkerPool(process, folder)


@dataclass
class _Job:
    """A job of a client: what it asks for, its standard output and error, and its connection."""

    request: dict[str, Any]
    outputs: list[int]
    client: socket.socket

    @property
    def command(self) -> str:
        return self.request["argv"][0]

    def close(self) -> None:
        """Close this process's descriptors; those of others stay open."""
        for descriptor in self.outputs:
            os.close(descriptor)
        self.client.close()


class _Server:
    """Takes the jobs of clients, forks a worker for each, and reports its exit code.

    Parameters
    ----------
    loaded : str
        What this process has imported, beside what the first one has.
    """

    def __init__(self, loaded: str):
        self.loaded = loaded
        self.prctl = ctypes.CDLL(None).prctl  # found before the first fork
        self.pid = os.getpid()
        self.selector = selectors.DefaultSelector()
        self.workers: dict[int, _Job] = {}
        self.others: dict[str, _Other] = {}  # what it has imported -> the process
        self.cpu_s: dict[str, float] = {}  # command -> of its finished jobs
        self.sources: list[socket.socket] = []
        self.open = True

    def serve(self, source: socket.socket, take: Callable, ends: Any) -> None:
        """Serve until `ends` has ended, and then until the last job has ended.

        Parameters
        ----------
        source : socket
            Where jobs come from; `take` receives one.
        ends : file or socket
            Readable when the process that wants the jobs has ended.
        """
        wake_read, wake_write = socket.socketpair()
        wake_write.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        self.sources = list(dict.fromkeys([source, ends]))
        self.selector.register(source, selectors.EVENT_READ, lambda _: self._take(take))
        if ends is not source:
            self.selector.register(ends, selectors.EVENT_READ, lambda _: self._stop())
        self.selector.register(wake_read, selectors.EVENT_READ, self._reap)
        while self.open or self.workers or self.others:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def _take(self, take: Callable[[], "_Job | None"]) -> None:
        try:
            job = take()
        except EOFError:
            self._stop()
            return
        if job is None:
            return
        first = NATIVE if job.command in OF_NATIVE else ANALYSIS
        if self.loaded == NATIVE and first != NATIVE:
            self._pass_on(job, first)
        else:
            self._start(job)

    def _start(self, job: _Job) -> None:
        worker = os.fork()
        if worker == 0:
            self._end_with_parent()
            hold_loaded({self.loaded} if self.loaded == NATIVE else {self.loaded, NATIVE})
            _run_job(job.request, job.outputs)
        self.workers[worker] = job
        self.selector.register(job.client, selectors.EVENT_READ, self._client_ended)

    def _end_with_parent(self) -> None:
        """In a child: a pool that the kernel kills must leave no training behind."""
        self.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self.pid:
            os._exit(TRY_AGAIN)

    def _pass_on(self, job: _Job, loaded: str) -> None:
        """Give a job to the process that has imported what the job needs."""
        if loaded not in self.others:
            self.others[loaded] = self._fork_other(loaded, job)
        payload = json.dumps(job.request).encode()
        channel = self.others[loaded].channel
        with contextlib.suppress(OSError):  # it was killed: its end is handled as that of a child
            descriptors = [*job.outputs, job.client.fileno()]
            socket.send_fds(channel, [len(payload).to_bytes(8)], descriptors)
            channel.sendall(payload)
        job.close()

    def _fork_other(self, loaded: str, first: _Job) -> "_Other":
        ours, theirs = socket.socketpair()
        process = os.fork()
        if process == 0:
            code = 70
            try:
                self._end_with_parent()
                ours.close()
                for job in (first, *self.workers.values()):
                    job.close()  # or a reader of its output would wait for this process too
                for other in self.others.values():
                    other.channel.close()
                for source in self.sources:
                    source.close()
                signal.set_wakeup_fd(-1)
                _serve_other(loaded, theirs)
                code = 0
            finally:
                os._exit(code)
        theirs.close()
        return _Other(process, ours)

    def _stop(self) -> None:
        for source in self.sources:
            self.selector.unregister(source)
        if self.loaded == NATIVE:
            self.sources[0].close()  # clients are refused from now on
        self.open = False
        for other in self.others.values():
            other.channel.shutdown(socket.SHUT_WR)
        for worker in self.workers:  # of a workflow that was killed: they keep their state
            os.kill(worker, signal.SIGTERM)

    def _client_ended(self, client: socket.socket) -> None:
        """Handle the end of a client's connection: a client sends nothing after its request."""
        self.selector.unregister(client)
        for worker, job in self.workers.items():
            if job.client is client:
                os.kill(worker, signal.SIGTERM)

    def _reap(self, wake: socket.socket) -> None:
        wake.recv(4096)
        while self.workers or self.others:
            child, status, used = os.wait4(-1, os.WNOHANG)
            if child == 0:
                return
            if child in self.workers:
                job = self.workers.pop(child)
                spent_s = used.ru_utime + used.ru_stime
                self.cpu_s[job.command] = self.cpu_s.get(job.command, 0.0) + spent_s
                self._ended(job, os.waitstatus_to_exitcode(status), used.ru_maxrss)
            else:
                self._other_ended(child)

    def _ended(self, job: _Job, code: int, peak_memory_kib: int) -> None:
        """Report the end of a worker, or start its job again where what it needs is loaded."""
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(job.client)
        needed = next((name for name, number in ELSEWHERE.items() if number == code), None)
        if needed and self.loaded == NATIVE and self.open:
            self._pass_on(job, needed)
            return
        reply = {"code": code, "peak_memory_mib": round(peak_memory_kib / KIB_PER_MIB)}
        with contextlib.suppress(OSError):  # the client may have gone
            job.client.sendall(json.dumps(reply).encode())
        job.close()

    def _other_ended(self, child: int) -> None:
        """Add up the CPU times of a process that has ended; the next such job starts another."""
        loaded = next(name for name, other in self.others.items() if other.process == child)
        channel = self.others.pop(loaded).channel
        with contextlib.suppress(OSError, ValueError):
            for command, spent_s in json.loads(channel.makefile("rb").read()).items():
                self.cpu_s[command] = self.cpu_s.get(command, 0.0) + spent_s
        channel.close()


@dataclass
class _Other:
    """A process that has imported more than the first, and the connection to it."""

    process: int
    channel: socket.socket


def _serve_other(loaded: str, channel: socket.socket) -> None:
    """In a fork of the first process: import more, and serve the jobs that are passed on."""
    spent_s = time.process_time()
    load(loaded)
    fill_gaps()
    server = _Server(loaded)
    start_up_s = time.process_time() - spent_s

    def take() -> _Job:
        request, descriptors = _receive(channel, 3)
        return _Job(request, descriptors[:2], socket.socket(fileno=descriptors[2]))

    server.serve(channel, take, channel)
    serving_s = time.process_time() - spent_s - start_up_s
    own_s = {"start-up": start_up_s, "serving": serving_s}
    with contextlib.suppress(OSError):
        channel.sendall(json.dumps(own_s | server.cpu_s).encode())


def _accept(listener: socket.socket) -> _Job | None:
    """The job of the next client; None if the client was killed before its request was complete."""
    client, _ = listener.accept()
    client.settimeout(RECEIVE_TIMEOUT_S)
    try:
        request, outputs = _receive(client, 2)
    except (OSError, ValueError, EOFError):
        client.close()
        return None
    return _Job(request, outputs, client)


def _receive(connection: socket.socket, n_descriptors: int) -> tuple[dict[str, Any], list[int]]:
    """A request and the descriptors with it.

    Raises
    ------
    EOFError
        The other side has ended.
    """
    size, descriptors, _, _ = socket.recv_fds(connection, 8, n_descriptors)
    if not size:
        raise EOFError
    expected, received = int.from_bytes(size), b""
    while len(received) < expected:
        part = connection.recv(expected - len(received))
        if not part:
            raise ValueError("the request is not whole")
        received += part
    return json.loads(received), list(descriptors)


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
        # PyTorch reads its switches at their first use, which is in the worker.
        switches = {name: os.environ[name] for name in AVX2 if name in os.environ}
        os.environ.clear()
        os.environ.update(switches | request["environ"])
        code = run_command(request["argv"])
    except BaseException:  # a worker must not continue in the code of the pool
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _write_a_table() -> None:
    """Let pyarrow set up what it needs for its first table, 3 ms of CPU of each job otherwise."""
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"loss": [0.0]}), pyarrow.BufferOutputStream())


def main(listener: int) -> None:
    """Import what training needs, then serve the requests to a listening socket.

    Parameters
    ----------
    listener : int
        The file descriptor of the socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the workflow, which ends us
    build.library()  # loaded once, or built
    for task in TASKS:
        training_fingerprint(task)  # of the code that has just been imported; the jobs inherit it
    load(NATIVE)
    importlib.import_module(COMMANDS["train"]).made_with()  # what Python keeps of the machine
    _write_a_table()
    fill_gaps()
    server, source = _Server(NATIVE), socket.socket(fileno=listener)
    start_up_s = time.process_time()
    server.serve(source, lambda: _accept(source), sys.stdin)
    if os.environ.get(CPU_TIMES):
        own_s = {"start-up": start_up_s, "serving": time.process_time() - start_up_s}
        for name, spent_s in server.cpu_s.items():
            own_s[name] = own_s.get(name, 0.0) + spent_s
        write_json(os.environ[CPU_TIMES], own_s)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Jobs in the workers of a pool: the same bytes, and nothing left behind."""

import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from isoloss.runtime import job as alone
from isoloss.runtime import worker_pool
from isoloss.runtime.job import POOL_SOCKET, TRY_AGAIN
from isoloss.tables.schema import TIMED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="worker pools are for Linux")
PATIENCE_S = 300.0  # for what takes a moment on an idle machine
WORKFLOW = Path(worker_pool.__file__).parents[2]
SETTINGS = {
    "task": {"kind": "function", "target": "sine"},
    "model": {"width": 8},
    "data": {"n_samples": 64},
    "training": {"steps": 20, "peak_lr": 0.01, "schedule": "cosine"},
}


@pytest.fixture(scope="module")
def address():
    """The address of a worker pool that the module's tests share."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(WORKFLOW)
    started = worker_pool.start()
    yield os.environ.pop(POOL_SOCKET)
    started.stop()
    assert started.process.returncode == 0
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def command(folder, seed=0, **training):
    settings = SETTINGS | {"training": SETTINGS["training"] | training}
    return [
        *(
            sys.executable,
            "-m",
            "isoloss.runtime.job",
            "train",
            "--run-id",
            "r",
            "--seed",
            str(seed),
        ),
        *("--settings", json.dumps(settings), "--folder", str(folder)),
    ]


def environ(address=None):
    inherited = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    return inherited | ({POOL_SOCKET: address} if address else {})


def run(arguments, address=None):
    return subprocess.run(arguments, env=environ(address), capture_output=True, text=True)


def untimed(folder):
    row = json.loads((folder / "row.json").read_text())
    return {name: value for name, value in row.items() if name not in TIMED}


def test_a_job_in_the_pool_gives_what_a_fresh_process_gives(tmp_path, address):
    results = {}
    for name, where in (("pool", address), ("again", address), ("alone", None)):
        assert run(command(tmp_path / name), where).stderr == ""
        results[name] = untimed(tmp_path / name)
    assert results["pool"] == results["again"] == results["alone"]
    run(command(tmp_path / "other", seed=1), address)
    assert untimed(tmp_path / "other")["loss"] != results["pool"]["loss"]


def test_a_users_mistake_is_a_message_and_an_exit_code(tmp_path, address):
    for where in (address, None):
        finished = run(command(tmp_path, steps=0), where)
        assert finished.returncode == 1
        assert finished.stderr == (
            "isoloss train: r: 1 problem\n"
            "  - training.steps: input should be greater than 0, got 0\n"
        )
    assert not list(tmp_path.iterdir())


def start_long_job(folder, address, **environment):
    """A client, and the process that does its job; the job would take minutes."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    client = subprocess.Popen(
        command(folder, steps=10**7), env=environ(address) | environment,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        jobs = [
            child
            for child in psutil.Process().children(recursive=True)
            if child.pid not in before and child.pid != client.pid and trains(child)
        ]
        if jobs:
            break
        time.sleep(0.02)
    return client, jobs


def trains(process):
    """Whether a process is a worker: one that the pool forks to fork others has no such handler."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)
        return not caught >> (signal.SIGCHLD - 1) & 1
    return False


def test_a_job_that_the_kernel_killed_is_named_with_its_memory(tmp_path, address):
    client, (job,) = start_long_job(tmp_path, address, ISOLOSS_MEMORY_MB="1500")
    job.send_signal(signal.SIGKILL)
    said = client.communicate(timeout=PATIENCE_S)[1]
    assert client.returncode == 128 + signal.SIGKILL
    assert said.startswith("isoloss train: killed by signal 9 (SIGKILL); the job had used up to ")
    assert int(re.search(r"up to ([\d,]+) MiB", said)[1].replace(",", "")) > 20
    assert "planned to need 1,500 MB" in said
    assert "memory was short" in said


def test_a_pool_that_is_killed_leaves_no_training_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(WORKFLOW))
    started = worker_pool.start()
    address = os.environ.pop(POOL_SOCKET)
    # Until the pool serves, any process that it starts would look like a job.
    assert run(command(tmp_path / "first"), address).returncode == 0
    client, (job,) = start_long_job(tmp_path, address)
    started.process.kill()
    said = client.communicate(timeout=PATIENCE_S)[1]
    _, alive = psutil.wait_procs([job], timeout=PATIENCE_S)
    started.stop()
    assert not alive
    assert client.returncode == 1
    assert "the worker pool ended before the job did" in said


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_job_ends_when_its_client_is_killed(tmp_path, address, number):
    client, jobs = start_long_job(tmp_path, address)
    client.send_signal(number)
    client.communicate()
    _, alive = psutil.wait_procs(jobs, timeout=PATIENCE_S)
    assert jobs
    assert not alive
    assert not (tmp_path / "row.json").exists()


@pytest.mark.parametrize("kernel", ["auto", "torch"])
def test_a_job_runs_where_what_it_needs_is_loaded(tmp_path, address, kernel):
    """A training that needs PyTorch, and a solution that needs SciPy, are passed on."""
    finished = subprocess.run(command(tmp_path), env=environ(address) | {"ISOLOSS_KERNEL": kernel})
    assert finished.returncode == 0
    assert untimed(tmp_path)["status"] == "done"
    assert kernel == "auto" or untimed(tmp_path)["kernel"].startswith("torch")
    polynomial = {
        "task": {"kind": "polynomial", "target": "sine"}, "model": {"degree": 2},
        "data": {"n_samples": 8},
    }  # fmt: skip
    solved = command(tmp_path / "solved")
    solved[solved.index("--settings") + 1] = json.dumps(polynomial)
    assert run(solved, address).returncode == 0
    assert untimed(tmp_path / "solved")["status"] == "done"


LARGE_ARRAYS = """
import resource, sys, types
from isoloss.runtime import job

def main(_):
    for _ in range(50):
        [b"x" * 2**22 for _ in range(4)]  # of 1,024 pages each, freed at once

sys.modules["large_arrays"] = types.SimpleNamespace(main=main)
job.COMMANDS["large"] = "large_arrays"
assert job.run_command(["large"]) == 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
assert job.run_command(["large"]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_a_job_keeps_the_memory_that_it_frees():
    """Otherwise each of the 200 arrays would get all its pages anew, by page faults."""
    finished = run([sys.executable, "-c", LARGE_ARRAYS])
    assert finished.stderr == ""
    assert int(finished.stdout) < 5 * 1024


SMALL_ARRAYS = """
import os, re, sys, types
from isoloss.runtime import job, memory

def main(_):
    kept = [b"x" * 2**15 for _ in range(640)]
    mapping = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (?:.*\\n)+?VmFlags:(.*)", re.MULTILINE)
    found = mapping.findall(open("/proc/self/smaps").read())
    huge = [(int(begin, 16), int(end, 16)) for begin, end, flags in found if " hg" in flags]
    print(sum(any(begin <= id(one) < end for begin, end in huge) for one in kept))

sys.modules["small_arrays"] = types.SimpleNamespace(main=main)
job.COMMANDS["small"] = "small_arrays"
older = [b"x" * 2**15 for _ in range(1280)]
del older[::2]
memory.fill_gaps()
if os.fork() == 0:
    sys.exit(job.run_command(["small"]))
os.wait()
"""
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
@pytest.mark.skipif(not HUGE_PAGES.exists(), reason="this Linux has no huge pages")
def test_a_jobs_new_memory_is_in_huge_pages():
    """Not in gaps between what it shares: there it would copy each page."""
    finished = run([sys.executable, "-c", SMALL_ARRAYS])
    assert finished.stderr == ""
    assert int(finished.stdout) > 600  # of 640


def test_without_a_pool_at_the_address_the_job_runs_by_itself(tmp_path):
    finished = run(command(tmp_path), "/nowhere/pool")
    assert finished.returncode == 0
    assert "no worker pool at /nowhere/pool" in finished.stderr
    assert untimed(tmp_path)["status"] == "done"


@pytest.fixture
def snakemake():
    """A process that stands for Snakemake; nobody asks for its exit code before the test ends."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_job_that_runs_alone_ends_with_snakemake_and_not_before(snakemake):
    """The pool's jobs end with the pool."""
    told = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        alone.end_with(snakemake.pid)
        time.sleep(0.2)
        assert not told
        snakemake.kill()
        deadline = time.monotonic() + 60
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM]


def test_a_job_without_a_pool_looks_after_the_snakemake_that_it_is_given(tmp_path, snakemake):
    given = environ() | {alone.WORKFLOW: str(snakemake.pid)}
    with subprocess.Popen(command(tmp_path, steps=10**8), env=given) as job:
        snakemake.kill()
        try:
            assert job.wait(timeout=60) in (-signal.SIGTERM, TRY_AGAIN)
        finally:
            job.kill()


def test_a_pool_starts_and_runs_jobs_where_tmpdir_is_long(tmp_path):
    """The path of a socket may have at most 107 bytes."""
    long = tmp_path / ("l" * 200)
    long.mkdir()
    started = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import os, sys; from isoloss.runtime import job, worker_pool; "
            "pool = worker_pool.start(); "
            "print(job.run_in_pool(sys.argv[1:], os.environ[job.POOL_SOCKET])); "
            "pool.stop()",
            *command(tmp_path / "run")[3:],
        ],
        env=environ() | {"TMPDIR": str(long)},
        capture_output=True,
        text=True,
    )
    assert (started.stdout, started.stderr) == ("0\n", "")
    assert untimed(tmp_path / "run")["status"] == "done"
    assert not list(long.iterdir())


def test_where_no_pool_can_be_the_reason_is_said_and_nothing_is_left(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(worker_pool.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(worker_pool.sys, "executable", str(tmp_path / "no python"))
    monkeypatch.delenv(POOL_SOCKET, raising=False)
    assert worker_pool.start() is None
    assert capfd.readouterr().err.startswith("isoloss: no worker pool (")
    assert POOL_SOCKET not in os.environ
    assert not list(tmp_path.iterdir())


def test_it_ends_when_the_process_that_started_it_is_killed():
    starter = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "from isoloss.runtime import worker_pool; import time; "
            "print(worker_pool.start().process.pid, flush=True); "
            "time.sleep(60)",
        ],
        env=environ(),
        stdout=subprocess.PIPE,
        text=True,
    )
    server = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.wait()
    starter.stdout.close()
    _, alive = psutil.wait_procs([server], timeout=PATIENCE_S)
    assert not alive

"""The quick client of trainings: what it asks the worker pool for, and what it makes of replies."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from isoloss.runtime import client
from isoloss.runtime.client import ONE_THREAD, POOL_SOCKET

ARGUMENTS = ["train", "--settings", '{"a": "quotes \' and \\"", "b": "ünïcode"}', ""]


class Pool:
    """A pool that runs nothing: it takes one request, writes to its output, and replies."""

    def __init__(self, folder, reply):
        self.address, self.reply = str(folder / "pool"), reply
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.address)
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        connection, _ = self.listener.accept()
        self.listener.close()
        with connection:
            size, outputs, _, _ = socket.recv_fds(connection, 8, 2)
            received = b""
            while len(received) < int.from_bytes(size):
                received += connection.recv(1 << 20)
            self.request = json.loads(received)
            for output in outputs:
                os.write(output, b"of the job\n")
                os.close(output)
            connection.sendall(self.reply)


def run(folder, address=None, **environ):
    command = [sys.executable, "-S", "-E", client.__file__, *ARGUMENTS]
    environ = os.environ | environ | ({POOL_SOCKET: address} if address else {})
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def test_a_job_gets_the_arguments_folder_environment_and_outputs_of_its_client(tmp_path):
    pool = Pool(tmp_path, b'{"code": 0, "peak_memory_mib": 1}')
    finished = run(tmp_path, pool.address, OMP_NUM_THREADS="7", ODD='"ü\\\n')
    pool.thread.join(10)
    assert finished.returncode == 0
    assert (finished.stdout, finished.stderr) == ("of the job\n", "of the job\n")
    assert pool.request["argv"] == ARGUMENTS
    assert pool.request["cwd"] == str(tmp_path)
    assert pool.request["environ"]["ODD"] == '"ü\\\n'
    assert ONE_THREAD.items() <= pool.request["environ"].items()


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (b'{"code": 75, "peak_memory_mib": 1}', 75, ""),
        (b'{"code": -9, "peak_memory_mib": 123}', 137, "isoloss train: killed by signal 9"),
        (b"", 1, "the worker pool ended before the job did"),
    ],
)
def test_a_job_that_does_not_succeed_has_its_exit_code_and_a_reason(tmp_path, reply, code, said):
    finished = run(tmp_path, Pool(tmp_path, reply).address)
    assert finished.returncode == code
    assert said in finished.stderr


def test_without_a_pool_the_client_becomes_the_job(tmp_path):
    finished = run(tmp_path, str(tmp_path / "nobody"), PYTHONPATH=str(tmp_path))
    assert "no worker pool at" in finished.stderr or "No module named" in finished.stderr
    assert finished.returncode != 0

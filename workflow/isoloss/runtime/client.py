"""The client of one job in the worker pool, as a file: `python -S -E .../client.py COMMAND ...`.

A study may have thousands of trainings of a fraction of a second each. The start of Python with the
modules `socket` and `json` takes three times as long as the start without. So this file imports
nothing beyond what Python itself is made of. Where it has no worker pool, or no such modules, it
becomes `python -m isoloss.runtime.job`, which runs the job by itself.
"""

import os
import sys

# Environment variables that the workflow sets for its jobs.
CLIENT = "ISOLOSS_CLIENT"  # the path of this file
POOL_SOCKET = "ISOLOSS_POOL_SOCKET"  # the address of the worker pool
MOST_REPLY_BYTES = 1024  # of the worker pool, at a job's end
DONE = b'{"code": 0,'  # how the reply begins after a job that has succeeded
# One thread a job: several jobs side by side are faster than several threads in one of them.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def ask(argv, address):
    """Run a command in a worker of the pool at `address`, and return the pool's reply.

    The worker takes this process's folder, environment, standard output and standard error.

    Parameters
    ----------
    argv : sequence of str
        The command and its arguments.
    address : str
        The path of the pool's socket.

    Returns
    -------
    bytes
        JSON with the exit code and the peak memory in MiB; empty if the pool has ended.

    Raises
    ------
    OSError
        There is no worker pool at that address.
    """
    # The C modules below `signal`, `socket` and `json`, which import much more.
    import _signal
    import _socket
    from _json import encode_basestring_ascii as quoted

    environ = ",".join(f"{quoted(name)}:{quoted(value)}" for name, value in os.environ.items())
    arguments = ",".join(map(quoted, argv))
    folder = quoted(os.getcwd())  # noqa: PTH109
    request = f'{{"argv":[{arguments}],"cwd":{folder},"environ":{{{environ}}}}}'.encode()
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # A socket's path may have at most 107 bytes, and a TMPDIR may have more. So the path leads
    # through the open folder of the socket.
    place, name = os.path.split(address)
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)
    for number in (_signal.SIGINT, _signal.SIGTERM):
        # The worker pool ends the job when this connection ends.
        _signal.signal(number, _signal.SIG_DFL)
    outputs = b"".join(number.to_bytes(4, sys.byteorder) for number in (1, 2))
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, outputs)]
    connection.sendmsg([len(request).to_bytes(8, "big")], rights)
    connection.sendall(request)
    reply = connection.recv(MOST_REPLY_BYTES)
    connection.close()
    return reply


def main(argv):
    """Run the command in `argv` in the worker pool, or else become the job; return an exit code."""
    os.environ.update(ONE_THREAD)
    address = os.environ.get(POOL_SOCKET)
    try:
        reply = ask(argv, address) if address else None
    except (ImportError, OSError):
        reply = None  # the job says that there is no pool
    if reply is None:
        os.execv(sys.executable, [sys.executable, "-m", "isoloss.runtime.job", *argv])
    if reply.startswith(DONE):
        return 0
    sys.path.insert(0, os.path.abspath(f"{__file__}/../../.."))  # noqa: PTH100
    from isoloss.runtime.ended import exit_code

    return exit_code(argv[0], reply)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

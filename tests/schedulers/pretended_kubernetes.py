"""A Kubernetes that is none: the part of its interface that Snakemake's executor asks for.

Each pod is a process group in an empty folder, so it has no file but those that it brings itself.
"""

import base64
import json
import os
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

JOBS = "/apis/batch/v1/namespaces/default/jobs"
CORE = "/api/v1/namespaces/default"
CONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: nobody}}}}]
clusters: [{{name: here, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: nobody, user: {{}}}}]
"""


class Kubernetes:
    """A server, between `with` and its end, whose pods run on this machine.

    Parameters
    ----------
    folder : path
        For the pods' folders.
    environ : dict
        The environment variables of the image.

    Attributes
    ----------
    config : path
        What KUBECONFIG names.
    pods : list of Popen
        The first process of each pod so far.
    """

    def __init__(self, folder: Path, environ: dict[str, str]):
        self.folder, self.environ = folder, environ
        self.pods: list[subprocess.Popen] = []
        self.config = folder / "config.yaml"
        self._names: list[str] = []
        self._secrets: dict[str, dict[str, str]] = {}

    def __enter__(self) -> "Kubernetes":
        self.folder.mkdir()
        kubernetes = self

        class Handler(_Handler):
            answer = staticmethod(kubernetes.answer)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config.write_text(CONFIG.format(port=self.server.server_port))
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        for number, pod in enumerate(self.pods):
            if pod.poll() is None:
                self.kill(number)
            pod.wait()

    def workdir(self, number: int) -> Path:
        """The folder of a pod."""
        return self.folder / f"pod{number}" / "workdir"

    def output(self, number: int) -> str:
        """What a pod has printed so far."""
        return (self.folder / f"pod{number}" / "output").read_text()

    def kill(self, number: int) -> None:
        """End a pod as when its node is lost."""
        os.killpg(self.pods[number].pid, signal.SIGKILL)

    def answer(self, method: str, path: str, body: dict) -> tuple[int, dict]:
        """The answer to a request, with its code."""
        path, _, query = path.partition("?")
        if method == "DELETE":
            return 200, {}
        if method == "POST" and path == f"{CORE}/secrets":
            self._secrets[body["metadata"]["name"]] = body["data"]
            return 201, body
        if method == "POST" and path == JOBS:
            self._start(body)
            return 201, body
        if method == "GET" and (found := re.fullmatch(f"{JOBS}/(.+)/status", path)):
            code = self.pods[self._names.index(found[1])].poll()
            states = {None: "active", 0: "succeeded"}
            return 200, {"status": {states.get(code, "failed"): 1}}
        if method == "GET" and path == f"{CORE}/pods":
            name = unquote(query).rpartition("=")[2]
            return 200, {"items": [self._pod(name)]}
        if method == "GET" and path.endswith("/log"):
            # As of a container that was not started again.
            return 400, {"message": "previous terminated container not found"}
        return 404, {}

    def _start(self, job: dict) -> None:
        number = len(self.pods)
        (container,) = job["spec"]["template"]["spec"]["containers"]
        environ = {
            one["name"]: base64.b64decode(
                self._secrets[one["valueFrom"]["secretKeyRef"]["name"]][
                    one["valueFrom"]["secretKeyRef"]["key"]
                ]
            ).decode()
            for one in container["env"]
        }
        workdir = self.workdir(number)
        workdir.mkdir(parents=True)
        environ |= self.environ | {"PYTHONPATH": str(workdir / "workflow")}
        self._names.append(job["metadata"]["name"])
        with (workdir.parent / "output").open("wb") as output:
            self.pods.append(
                subprocess.Popen(
                    [*container["command"], *container["args"]],
                    cwd=workdir,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _pod(self, name: str) -> dict:
        code = self.pods[self._names.index(name)].poll()
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        facts = {"image": "", "imageID": "", "ready": True, "restartCount": 0, "name": "snakemake"}
        return {
            "metadata": {"name": f"{name}-pod"},
            "status": {"containerStatuses": [facts | {"state": state}]},
        }


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "{}")
        code, answer = self.answer(self.command, self.path, body)
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

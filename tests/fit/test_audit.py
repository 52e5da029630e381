"""The audit: tables pinned by their content, and verdicts on what was published."""

import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.published import REFITTED, published

from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.files import sha256
from isoloss.fit.audit import audit
from isoloss.fit.registry import Registry, read_registry
from isoloss.laws import LAWS

ROOT = Path(__file__).parents[2]
TRUE = {"A": 400.0, "B": 400.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}


@pytest.fixture
def public(tmp_path):
    """A folder with a table in it, and a function that makes a registry of it."""
    folder = tmp_path / "public"
    folder.mkdir()
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e5, 1e8, 6), np.geomspace(1e7, 1e10, 6)))
    loss = LAWS["chinchilla"](TRUE, n_params=n, n_tokens=d)
    loss = loss * np.exp(0.003 * np.random.default_rng(0).standard_normal(len(n)))
    rows = "".join(f"{a},{b},{c}\n" for a, b, c in zip(n, d, loss, strict=True))
    (folder / "runs.csv").write_text("N,D,loss\n" + rows, encoding="utf-8")

    def registry(published, address="https://example.org/runs.csv", **changes):
        table = {
            "address": address,
            "sha256": sha256(folder / "runs.csv"),
            "max_bytes": 10_000,
            "licence": "MIT",
            "mirror": "runs.csv",
        } | changes
        fit = {
            "name": "ours",
            "source": "here",
            "table": "runs",
            "law": "chinchilla",
            "columns": {"n_params": "N", "n_tokens": "D", "loss": "loss"},
            "published": published,
        }
        return Registry.model_validate({"tables": {"runs": table}, "fits": [fit]})

    return folder, registry


def test_the_optimum_is_reproduced_and_rounded_constants_are_not(public, tmp_path):
    folder, registry = public
    nothing = audit(registry({}), tmp_path, folder, draws=100)[0]
    assert nothing.verdict == "nothing published"
    found = nothing.result.values
    again = audit(registry(found), tmp_path, folder, draws=100)[0]
    assert again.verdict == "reproduced"
    assert again.objective_published == pytest.approx(again.objective_found, rel=1e-9)
    rounded = {"A": 370.0, "B": 410.0, "E": 1.69, "alpha": 0.34, "beta": 0.28}
    assert audit(registry(rounded), tmp_path, folder, draws=100)[0].verdict == (
        "published is not the optimum"
    )


def test_logarithms_of_published_parameters_are_understood(public, tmp_path):
    folder, registry = public
    found = audit(registry({}), tmp_path, folder, draws=100)[0].result.values
    logs = {
        "ln_A": np.log(found["A"]),
        "ln_B": np.log(found["B"]),
        "ln_E": np.log(found["E"]),
        "alpha": found["alpha"],
        "beta": found["beta"],
    }
    assert audit(registry(logs), tmp_path, folder, draws=100)[0].verdict == "reproduced"


def test_a_table_is_fetched_once_and_checked(public, tmp_path):
    folder, registry = public
    asked = []

    class Serve(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            asked.append(args)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/runs.csv"
        for _ in range(2):
            found = audit(registry({}, address), tmp_path / "kept", draws=100)
        assert found[0].result.n_rows == 36
        assert len(asked) == 1
        with pytest.raises(UserError, match=f"^{address}: 1 problem\n  - has SHA-256 "):
            audit(registry({}, address, sha256="0" * 64), tmp_path / "other", draws=100)
        server.shutdown()


def test_http_to_another_machine_is_refused(public, tmp_path):
    _, registry = public
    with pytest.raises(UserError, match="https"):
        audit(registry({}, "http://example.org/runs.csv"), tmp_path / "kept", draws=100)


def test_a_changed_mirror_is_refused(public, tmp_path):
    folder, registry = public
    pinned = registry({})
    (folder / "runs.csv").write_text("N,D,loss\n1,2,3\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"runs: has SHA-256 \w{64}, but \w{64} was promised$"):
        audit(pinned, tmp_path, folder, draws=100)


def test_a_misspelt_key_of_the_registry_is_named(tmp_path):
    path = tmp_path / "audit.yaml"
    path.write_text("tables: {}\nfits: []\nfitts: []\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_registry(path)
    assert caught.value.problems == ("fitts: Extra inputs are not permitted",)


def test_the_registry_is_pinned_to_commits_and_https():
    registry = read_registry(ROOT / "config" / "audit.yaml")
    for table in filter(lambda table: table.address, registry.tables.values()):
        assert table.address.startswith("https://raw.githubusercontent.com/")
        assert len(table.address.split("/")[5]) == 40


def test_published_fits_get_their_verdicts(capsys):
    registry = ROOT / "config" / "audit.yaml"
    mirror = published(*REFITTED)
    assert (
        main(["audit", "--registry", str(registry), "--mirror", str(mirror), "--draws", "200"]) == 0
    )
    verdicts = [line for line in capsys.readouterr().out.splitlines() if line.startswith("verdict")]
    assert verdicts == [
        "verdict: reproduced",
        "verdict: reproduced",
        "verdict: nothing published",
        "verdict: published is not the optimum",
        "verdict: published is not the optimum",
        "verdict: reproduced",
        "verdict: reproduced",
        "verdict: published is not the optimum",
    ]

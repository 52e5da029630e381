"""The report has a section on published fits once they have been made again, and only then."""

import re

import numpy as np
import pytest
import yaml

from isoloss.files import read_json, sha256
from isoloss.jobs import audit
from isoloss.laws import LAWS
from isoloss.report.build import build
from isoloss.report.study import Paths

PLANTED = {"A": 400.0, "B": 400.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """The results of an audit of a planted table: the truth, a wrong law, nothing published."""
    root = tmp_path_factory.mktemp("audited")
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e5, 1e8, 6), np.geomspace(1e7, 1e10, 6)))
    loss = LAWS["chinchilla"](PLANTED, n_params=n, n_tokens=d)
    loss = loss * np.exp(1e-6 * np.random.default_rng(0).standard_normal(len(n)))
    rows = "".join(f"{a},{b},{c}\n" for a, b, c in zip(n, d, loss.tolist(), strict=True))
    (root / "runs.csv").write_text("N,D,loss\n" + rows, encoding="utf-8")
    table = {
        "address": "https://example.org/runs.csv",
        "sha256": sha256(root / "runs.csv"),
        "max_bytes": 10_000,
        "licence": "MIT",
        "mirror": "runs.csv",
    }
    shared = {"table": "runs", "law": "chinchilla", "source": f"a paper {HOSTILE}"}
    shared["columns"] = {"n_params": "N", "n_tokens": "D", "loss": "loss"}
    fits = [
        {"name": "wrong", "published": PLANTED | {"E": 1.8}} | shared,
        {"name": "none", "published": {}} | shared,
    ]
    registry = {"tables": {"runs": table}, "fits": fits}
    (root / "audit.yaml").write_text(yaml.safe_dump(registry), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOLOSS_MIRROR", str(root))
        audit.main(
            ["--registry", str(root / "audit.yaml"), "--downloads", str(root / "kept"),
             "--out", str(root / "results" / "audit.json")]
        )  # fmt: skip
    return root


def report(root):
    paths = Paths(root / "results" / "report.html", root / "results", root / "figures")
    return build({}, paths=paths, planned={}, code={})


def test_an_audit_that_was_made_is_in_the_report(audited):
    html = report(audited)
    section = html[html.index('<section id="audit">') :]
    assert "0 of\n1 published fits are reproduced" in section
    assert re.search(r'<span class="bad">published is not the optimum</span>', section)
    assert "nothing published" in section
    assert 'href="https://example.org/runs.csv"' in section
    for value in ("1.8", "1.7"):
        assert f'<td class="number">{value}' in section
    assert HOSTILE not in html


def test_the_files_numbers_are_those_of_the_report(audited):
    wrong, none = read_json(audited / "results" / "audit.json")["fits"]
    assert wrong["published"]["E"] == 1.8
    assert wrong["found"]["params"]["E"]["value"] == pytest.approx(1.7, abs=1e-3)
    assert wrong["objective_published"] > 10 * wrong["found"]["objective_value"]
    assert none["published"] == {}


def test_without_an_audit_the_report_says_nothing_of_it(tmp_path):
    assert "audit" not in report(tmp_path)

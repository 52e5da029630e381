"""`isoloss audit`, away from the project's folder."""

from tests.published import published

from isoloss.cli import audit
from isoloss.cli.main import main

EPOCH = "epoch-chinchilla/svg_extracted_data.csv"


def test_an_audit_runs_in_any_folder(tmp_path, monkeypatch, capsys):
    mirror = published(EPOCH)
    monkeypatch.chdir(tmp_path)
    more = ["--only", "besiroglu et al. 2024, notebook", "--mirror", str(mirror), "--draws", "100"]
    assert main(["audit", *more]) == 0
    assert "verdict: reproduced" in capsys.readouterr().out


def test_where_there_is_no_registry_the_message_says_what_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audit, "PACKAGE", tmp_path / "lib" / "isoloss")
    assert main(["audit"]) == 2
    assert capsys.readouterr().err == (
        "config/audit.yaml: 1 problem\n"
        "  - is not here: it is a file of the project; --registry FILE names it, or one of yours\n"
    )

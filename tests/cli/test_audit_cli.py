"""`isoloss audit`, away from the project's folder."""

from tests.published import published

from isoloss.cli.main import main

EPOCH = "epoch-chinchilla/svg_extracted_data.csv"


def test_an_audit_runs_in_any_folder(tmp_path, monkeypatch, capsys):
    mirror = published(EPOCH)
    monkeypatch.chdir(tmp_path)
    more = ["--only", "besiroglu et al. 2024, notebook", "--mirror", str(mirror), "--draws", "100"]
    assert main(["audit", *more]) == 0
    assert "verdict: reproduced" in capsys.readouterr().out

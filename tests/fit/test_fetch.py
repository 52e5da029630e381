"""`isoloss fetch`: each published table is the promised one, and every other one is named."""

import hashlib
import http.server
import threading

import pytest
import yaml

from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.fit.fetch import fetch_tables
from isoloss.fit.registry import Registry, read_registry

ONE, TWO = b"N,loss\n1,2\n", b"N,loss\n3,4\n"


@pytest.fixture
def public(tmp_path, monkeypatch):
    """A folder with tables, its address on this machine, and what it was asked for."""
    monkeypatch.setenv("no_proxy", "*")
    folder, asked = tmp_path / "public", []
    (folder / "deep").mkdir(parents=True)
    (folder / "one.csv").write_bytes(ONE)
    (folder / "deep" / "two.csv").write_bytes(TWO)

    class Serve(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serve) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def table(content, path, **origin):
    digest = hashlib.sha256(content).hexdigest()
    return {"sha256": digest, "max_bytes": 100, "licence": "MIT", "mirror": path} | origin


@pytest.fixture
def tables(public):
    """Two tables with an address, and one without."""
    _, address, _ = public
    return {
        "one": table(ONE, "one.csv", address=f"{address}/one.csv"),
        "two": table(TWO, "deep/two.csv", address=f"{address}/deep/two.csv"),
        "made": table(ONE, "made.csv", derived_from="the authors' notebook"),
    }


def registry_of(tables):
    return Registry.model_validate({"tables": tables, "fits": []}).tables


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_tables_with_an_address_are_downloaded_once(public, tables, tmp_path):
    _, _, asked = public
    for _ in range(2):
        found = fetch_tables(registry_of(tables), tmp_path / "kept")
    assert found == {"one": tmp_path / "kept/one.csv", "two": tmp_path / "kept/deep/two.csv"}
    assert found["two"].read_bytes() == TWO
    assert files(tmp_path / "kept") == {"one.csv", "deep/two.csv"}
    assert sorted(asked) == ["/deep/two.csv", "/one.csv"]


def test_all_tables_that_cannot_be_had_are_named_and_the_others_are_kept(public, tables, tmp_path):
    _, address, _ = public
    tables["lost"] = table(ONE, "lost.csv", address=f"{address}/lost.csv")
    tables["other"] = table(ONE, "other.csv", address=f"{address}/deep/two.csv")
    with pytest.raises(UserError) as caught:
        fetch_tables(registry_of(tables), tmp_path / "kept")
    lost, other = caught.value.problems
    assert lost.startswith(f"lost: {address}/lost.csv the server answered 404")
    assert other.startswith(f"other: {address}/deep/two.csv has SHA-256 ")
    assert str(caught.value).endswith(f"The other 2 are in {tmp_path / 'kept'}.")
    assert files(tmp_path / "kept") == {"one.csv", "deep/two.csv"}


def test_a_named_folder_gives_derived_tables_too_and_nothing_is_downloaded(
    public, tables, tmp_path
):
    folder, _, asked = public
    (folder / "made.csv").write_bytes(ONE)
    found = fetch_tables(registry_of(tables), tmp_path / "kept", folder)
    assert set(found) == {"one", "two", "made"}
    assert found["made"].read_bytes() == ONE
    assert asked == []


def test_a_named_folder_with_missing_and_changed_tables_is_told_of_all(public, tables, tmp_path):
    folder, _, _ = public
    (folder / "one.csv").write_bytes(TWO)
    with pytest.raises(UserError) as caught:
        fetch_tables(registry_of(tables), tmp_path / "kept", folder)
    changed, missing = caught.value.problems
    assert changed.startswith("one: has SHA-256 ")
    assert missing == "made: there is no file made.csv"
    assert files(tmp_path / "kept") == {"deep/two.csv"}


def test_the_command_says_what_is_there_under_which_licence_and_what_is_not(
    public, tables, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    registry = {"tables": tables, "fits": []}
    (tmp_path / "config" / "audit.yaml").write_text(yaml.safe_dump(registry))
    assert main(["fetch"]) == 0
    assert capsys.readouterr().out == (
        "published/one.csv  11 bytes, licence: MIT\n"
        "published/deep/two.csv  11 bytes, licence: MIT\n"
        "\n"
        "Not published in this form; --from FOLDER takes them from a folder:\n"
        "published/made.csv  derived from the authors' notebook\n"
    )
    assert main(["fetch", "--from", "nowhere"]) == 2
    assert capsys.readouterr().err == "--from: 1 problem\n  - there is no folder nowhere\n"


@pytest.mark.parametrize("origin", [{}, {"address": "https://a.org/t.csv", "derived_from": "it"}])
def test_a_table_of_the_registry_has_one_origin(origin, tmp_path):
    registry = {"tables": {"one": table(ONE, "one.csv", **origin)}, "fits": []}
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump(registry))
    with pytest.raises(UserError, match=r"tables\.one: .*needs one of address and derived_from"):
        read_registry(tmp_path / "audit.yaml")

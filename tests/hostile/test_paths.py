"""Names and paths of configs and tables stay inside the project's folders."""

import json
import zipfile

import pytest
from tests.workflow.test_staleness import FUNCTION

from isoloss.config.load import parse_config, parse_study
from isoloss.corpus.archives import read_members
from isoloss.corpus.registry import registered
from isoloss.corpus.spec import read_spec
from isoloss.errors import UserError
from isoloss.fit.registry import read_registry

CONFIG = {"studies": ["sine"], "budget": {"flops": 1e12, "runs": 10}}
NAMES = [
    *("../up", "a/b", "/root", "..", ".", ".hidden", "", "-rf", "a b", "a\n", "a\0b", "a;b"),
    *("$(id)", "`id`", "{study}", "a'b", 'a"b', "~", "ä", "a" * 61),
]


def refused(problem, call, *arguments):
    with pytest.raises(UserError) as error:
        call(*arguments)
    assert any(problem in text for text in error.value.problems), error.value


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_config_is_a_path_or_a_command(name):
    study = FUNCTION | {"corpora": {name: {"kind": "stdlib"}}}
    refused("corpora", parse_study, study, "x.yaml")
    refused("sweeps", parse_study, FUNCTION | {"sweeps": {name: {"grid": {"a": [1]}}}}, "x.yaml")
    for key in ("fits", "figures"):
        refused(key, parse_study, FUNCTION | {key: [FUNCTION[key][0] | {"name": name}]}, "x.yaml")
    refused("studies", parse_config, CONFIG | {"studies": [name]})
    refused("overrides", parse_config, CONFIG | {"overrides": {name: {}}})
    if len(name) < 61 and name != "a/b":  # of a folder
        refused("results", parse_config, CONFIG | {"results": name})
        refused("figures", parse_config, CONFIG | {"figures": f"figures/{name}"})


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "/root", "..", ".hidden", "", "-rf", "a\n", "$(id)"]
)
def test_no_name_of_a_corpus_is_a_path(tmp_path, name):
    (tmp_path / "a.txt").write_text("text")
    refused("name", read_spec, {"kind": "files", "paths": ["a.txt"], "name": name}, tmp_path)
    (tmp_path / "config").mkdir()
    entry = {"title": "t", "licence": "l", "source": "s", "kind": "stdlib"}
    (tmp_path / "config" / "corpora.yaml").write_text(json.dumps({"good": entry}))
    refused("name", registered, name, tmp_path)


@pytest.mark.parametrize(
    ("name", "mirror"),
    [("../../up", "a.csv"), ("a/b", "a.csv"), ("a", "../../secret.csv"), ("a", "/etc/passwd")],
)
def test_the_audits_tables_are_kept_in_its_folder(tmp_path, name, mirror):
    table = {"address": "https://example.org/a.csv", "sha256": "0" * 64, "max_bytes": 10}
    found = {"tables": {name: table | {"licence": "l", "mirror": mirror}}, "fits": []}
    (tmp_path / "audit.yaml").write_text(json.dumps(found))
    refused("tables", read_registry, tmp_path / "audit.yaml")


def test_no_archive_unpacks_outside(tmp_path):
    """Names that climb, absolute names, a symbolic link and a device: text, or nothing."""
    inside = tmp_path / "inside"
    inside.mkdir()
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    device = zipfile.ZipInfo("device.txt")
    device.external_attr = 0o020666 << 16
    members = ["../outside.txt", "/tmp/absolute.txt", "a/../../outside.txt", "C:\\outside.txt"]
    with zipfile.ZipFile(inside / "evil.zip", "w") as archive:
        for member in members:
            archive.writestr(member, "evil")
        archive.writestr(link, "/etc/passwd")
        archive.writestr(device, "")
    before = sorted(tmp_path.rglob("*"))
    texts = dict(read_members(inside / "evil.zip", ("*",), max_bytes=1000))
    assert texts["link.txt"] == b"/etc/passwd"  # the target's name, never its content
    assert texts["device.txt"] == b""
    assert sorted(tmp_path.rglob("*")) == before


def test_a_prepared_corpus_is_read_without_pickle(tmp_path):
    import numpy as np

    from isoloss.corpus.load import load

    for part in ("train", "heldout"):
        np.save(tmp_path / f"{part}.npy", np.array([Evil()], object), allow_pickle=True)
    card = {"format": 1, "vocab_size": 256, "train_tokens": 1, "heldout_tokens": 1, "sha256": {}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    refused("could not be read", load, tmp_path)
    assert not (tmp_path / "pwned").exists()


class Evil:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))

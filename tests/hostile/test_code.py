"""Nothing that somebody else wrote is run: no pickle, no code in YAML."""

import ast
import pickle
from pathlib import Path

import pytest
import torch
import yaml

from isoloss.config.load import CONFIG, read_config
from isoloss.config.reading import read_yaml
from isoloss.errors import UserError
from isoloss.train.state import load_state

ROOT = Path(__file__).parents[2]
SOURCES = [
    path for folder in ("workflow", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
] + [ROOT / "workflow" / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Each can run what it reads; torch and numpy have formats that cannot, and are not needed.
CALLS = {
    *("torch.load", "torch.save", "pandas.read_pickle", "pd.read_pickle", "yaml.load", "eval"),
    *("yaml.full_load", "yaml.unsafe_load", "exec", "os.system", "os.popen"),
}


# A project's own modules, which its config names, are code.
RUN_ON_PURPOSE = {"extensions": ["exec"]}


def risky(text: str) -> list[str]:
    """What in a Python source can run what it reads, by name and line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            found += [f"{name}, line {node.lineno}" for name in names & MODULES]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {word.arg: ast.unparse(word.value) for word in node.keywords}
            shell = options.get("shell", "False") != "False"
            loads = name in ("np.load", "numpy.load") and options.get("allow_pickle") != "False"
            if name in CALLS or shell or loads or options.get("allow_pickle") == "True":
                found.append(f"{name}, line {node.lineno}")
    return found


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".py"], ids=lambda p: p.stem)
def test_no_source_can_run_what_it_reads(path):
    found = [one.partition(",")[0] for one in risky(path.read_text(encoding="utf-8"))]
    assert found == RUN_ON_PURPOSE.get(path.stem, [])


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix != ".py"], ids=lambda p: p.stem)
def test_no_rule_can_run_what_it_reads(path):
    text = path.read_text(encoding="utf-8")
    assert not [word for word in (*MODULES, "eval(", "exec(", "torch.load") if word in text]


@pytest.mark.parametrize(
    "line",
    [
        *("import pickle", "from joblib import load", "torch.load(p)", "np.load(p)", "eval(x)"),
        *("np.load(p, allow_pickle=True)", "yaml.load(t, Loader=L)", "subprocess.run(c, shell=1)"),
    ],
)
def test_what_can_run_what_it_reads_is_found(line):
    assert risky(line)


class Evil:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickled_checkpoint_is_refused_and_not_run(tmp_path):
    path = tmp_path / "run.safetensors"
    for write in (pickle.dump, torch.save):
        with path.open("wb") as file:
            write(Evil(tmp_path / "pwned"), file)
        with pytest.raises(UserError) as error:
            load_state(path)
        assert error.value.where == str(path)
        assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:pathlib.Path.touch [{pwned}]",
        "a: !!python/object/new:os.system [touch {pwned}]",
        "a: !!python/name:os.system",
        "a: !!python/module:os",
        "__use_yte__: true\na: ?__import__('pathlib').Path('{pwned}').touch()",
        "__use_yte__: true\n__definitions__: [\"open('{pwned}', 'w')\"]",
    ],
)
def test_code_in_yaml_is_refused_and_not_run(tmp_path, text):
    path = tmp_path / CONFIG
    path.parent.mkdir()
    path.write_text(text.replace("{pwned}", str(tmp_path / "pwned")))
    for read in (read_yaml, lambda path: read_config(tmp_path)):
        with pytest.raises(UserError) as error:
            read(path)
        assert error.value.where == str(path)
    assert not (tmp_path / "pwned").exists()


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LAUGHS, "holds more than 100,000 values, aliases unfolded"),
        ("a: &a [*a]", "is nested too deeply, or holds itself"),
        ("a: " + "[" * 5000, "is nested too deeply, or holds itself"),
        ("1: a", "line 1: the key '1' is no text; write it in quotes"),
        ("a: 1\n? [b]\n: c", "line 2: the key a seq is no text; write it in quotes"),
        ("a: 2026-99-99", "is not YAML: month must be in 1..12"),
    ],
)
def test_yaml_that_explodes_is_refused(tmp_path, text, problem):
    path = tmp_path / "evil.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert error.value.problems == (problem,)


def test_a_pickle_is_what_the_attempts_say_it_is(tmp_path):
    pickle.loads(pickle.dumps(Evil(tmp_path / "pwned")))
    assert (tmp_path / "pwned").exists()
    assert yaml.unsafe_load("!!python/name:os.system") is not None

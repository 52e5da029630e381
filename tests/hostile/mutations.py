"""Configs that somebody has spoilt: real studies with one to three mistakes, or with junk."""

import copy
import datetime
import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from isoloss.config.load import merged
from isoloss.config.reading import read_yaml
from isoloss.errors import UserError
from isoloss.pipeline import load_project

CONFIG = Path(__file__).parents[2] / "config"
# Enough for each study as the smoke study has it, and so little that all that is accepted is
# quickly run.
BUDGET = {"flops": 1e11, "runs": 100}

JUNK = [
    *(None, True, False, 0, -1, 1, 3, 2**31, 2**63, 10**13, 10**30, 10**400, 0.5, -0.0, 1e-308),
    *(1e308, float("nan"), float("inf"), -float("inf"), "", " ", "nan", "1e3", "null", "yes"),
    *("x" * 20_000, "ünï✓\u202e", "a\nb", "\t", "../../etc/passwd", "/", "-rf", ".", "~"),
    *("$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "{study}", "{0.__class__}", "%s"),
    *("<script>alert(1)</script>", "__import__('os')", "loss", "n_params", "run_id", "status"),
    *([], {}, [[]], [None], {"a": {"b": [1, {"c": None}]}}, [1, "a", None, 2.5]),
    *(datetime.date(2026, 1, 1), b"\x00\xff", list(range(50)), {"set": {}}, {"": ""}),
]
LINES = [
    *("!!python/object/apply:os.system ['touch pwned']", "a: &a [*a]", "? [1, 2]\n: 3", "1: 2"),
    *("__use_yte__: true", "- 1", "\t- x", "a: b: c", "%YAML 9", "---", "...", "<<: 3", "a: 'b"),
    *("on: 1", "a: *nothing", "\x01", "title: twice\ntitle: twice", "a: 2026-99-99", "a: 1__e_3"),
    "a: &a [x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\n"
    "d: &d [*c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d, *d, *d]",
    "[" * 3000,
]


def real_studies() -> dict[str, dict[str, Any]]:
    """The studies that are shipped, as small as the smoke study makes them."""
    overrides = read_yaml(CONFIG / "smoke.yaml").get("overrides", {})
    names = read_yaml(CONFIG / "config.yaml")["studies"]
    return {
        name: merged(read_yaml(CONFIG / "studies" / f"{name}.yaml"), overrides.get(name, {}))
        for name in names
        if name != "frontier"  # a study of the others
    }


@st.composite
def spoilt(draw: st.DrawFn, studies: dict[str, dict[str, Any]]) -> tuple[str, str, str]:
    """A config, the name of its study, and the study, as text: YAML with some mistakes.

    Parameters
    ----------
    studies : dict
        What there is to spoil, by name.
    """
    name = draw(st.sampled_from(sorted(studies)))
    config = {"studies": [name], "budget": BUDGET}
    of_config = draw(st.integers(0, 9)) == 0
    value = copy.deepcopy(config if of_config else studies[name])
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        _mutate(draw, value)
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    if draw(st.integers(0, 9)) == 0:
        text = draw(_spoilt_text(text))
    if of_config:
        return text, name, yaml.safe_dump(studies[name])
    return yaml.safe_dump(config), name, text


def _places(value: Any, found: list | None = None) -> list[tuple[Any, Any]]:
    """Every (container, key) in a document."""
    found = [] if found is None else found
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in list(items):
        found.append((value, key))
        if isinstance(part, dict | list):
            _places(part, found)
    return found


def _mutate(draw: st.DrawFn, document: Any) -> None:
    places = _places(document)
    if not places:
        return
    container, key = draw(st.sampled_from(range(len(places))).map(places.__getitem__))
    kinds = ["junk", "remove", "other", "wrap", "twice"]
    kinds += ["typo", "extra"] if isinstance(container, dict) else ["empty"]
    if isinstance(container[key], str):
        kinds += ["text"] * 6
    elif isinstance(container[key], int | float):
        kinds += ["number"] * 6
    match draw(st.sampled_from(kinds)):
        case "junk":
            container[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        case "remove":
            del container[key]
        case "other":
            other, at = draw(st.sampled_from(range(len(places))).map(places.__getitem__))
            if at in other if isinstance(other, dict) else at < len(other):
                container[key] = copy.deepcopy(other[at])
        case "wrap":
            container[key] = draw(st.sampled_from([lambda v: [v], lambda v: {"x": v}, str]))(
                container[key]
            )
        case "number":
            container[key] = _other_number(draw, container[key])
        case "text":
            container[key] += str(draw(st.sampled_from(JUNK)))
        case "twice":
            _twice(container, key)
        case "typo":
            container[_misspelt(draw, str(key))] = container.pop(key)
        case "extra":
            name = draw(
                st.sampled_from(["extra", "name", "draw", "kind", "seed", "set", "x y", ""])
            )
            container[name] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        case "empty":
            container.clear()


def _twice(container: Any, key: Any) -> None:
    """A list gets an item again; a section gets one again under another name."""
    if isinstance(container, list):
        container.append(copy.deepcopy(container[key]))
    else:
        container[f"{key}_2"] = copy.deepcopy(container[key])


def _other_number(draw: st.DrawFn, value: Any) -> Any:
    by = draw(st.sampled_from([0.5, 2, 1.5, -1, 0, 10, 1e6, 1e-6, 1e300]))
    found = value * by
    exact = isinstance(value, int) and abs(found) < 1e15
    return draw(st.sampled_from([found, round(found) if exact else found, str(found)]))


def _misspelt(draw: st.DrawFn, name: str) -> str:
    at = draw(st.integers(0, max(len(name) - 1, 0)))
    less, more = name[:at] + name[at + 1 :], name[:at] + name[at : at + 1] * 2 + name[at + 1 :]
    others = [name.upper(), name + "s", name.replace("_", "-")]
    return draw(st.sampled_from([less, more, *others]))


@st.composite
def _spoilt_text(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines()
    at = draw(st.integers(0, len(lines)))
    lines[at:at] = draw(st.sampled_from(LINES)).splitlines()
    cut = draw(st.integers(0, 3))
    joined = "\n".join(lines)
    return joined[: len(joined) * cut // 3] if cut else joined


class Attempt:
    """Reads and plans a config in a folder, as the Snakefile does."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "config" / "studies").mkdir(parents=True)

    def __call__(self, case: tuple[str, str, str]) -> tuple[bool, str]:
        """Whether a config, the name of its study, and the study are accepted; else the message."""
        config, name, study = case
        path = self.folder / "config" / "config.yaml"
        path.write_text(config)
        (self.folder / "config" / "studies" / f"{name}.yaml").write_text(study)
        try:
            load_project(read_yaml(path), self.folder)
        except UserError as error:
            return False, str(error)
        finally:
            (self.folder / "config" / "studies" / f"{name}.yaml").unlink()
        return True, ""

    def try_whole(self, name: str, study: dict[str, Any]) -> tuple[bool, str]:
        """As a call, of a study that nobody has spoilt."""
        config = yaml.safe_dump({"studies": [name], "budget": BUDGET})
        return self((config, name, yaml.safe_dump(study)))

    def left_behind(self) -> list[Path]:
        """What is in the folder and was not put there."""
        put = {"config", "studies", "config.yaml"}
        return [path for path in self.folder.rglob("*") if path.name not in put]

    @staticmethod
    def says_where(message: str, case: tuple[str, str, str]) -> bool:
        """Whether a message says where to look: a file, or a key that is written or wanted."""
        keys = {key for text in case for key in re.findall(r"[\w.-]{2,}(?=:)", text)}
        wanted = {"title", "question", "theory", "budget", "studies", "settings", "sweeps"}
        return bool(re.search(r"\.yaml: 1 problem|: missing\b", message)) or any(
            re.search(rf"(?<!\w){re.escape(key)}(?!\w)", message) for key in keys | wanted
        )

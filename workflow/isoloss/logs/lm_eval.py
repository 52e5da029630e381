"""Results of lm-eval, `results_*.json`: losses of a finished model on texts.

Checked with lm-eval 0.4.13. A metric is named "metric,filter", and a standard error may be "N/A".
Losses are in bits a byte of the task's own text, or perplexities. Tokens of training are not in
the file: they follow from the step of a checkpoint, or the user says them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from isoloss.errors import UserError
from isoloss.logs.reading import read_json
from isoloss.logs.records import HELD_OUT, NO_STEP, Log, Place, is_count, is_number, series

NAME = "lm-eval"
STEP = re.compile(r"(?:revision=|/|-|_)(?:checkpoint|step|iter|global_step)[-_]?(\d+)")
LOSSES = ("bits_per_byte", "byte_perplexity", "word_perplexity", "perplexity", "loss", "nll")
START = 4096


def place_of(path: Path) -> Path | None:
    """The folder of the results of a model, or None."""
    if path.suffix != ".json" or path.name == "trainer_state.json":
        return None
    named = path.name.startswith("results_")
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            begin = file.read(START)
    except OSError:
        return None
    said = '"results"' in begin and begin.lstrip().startswith("{")
    return path.parent if said and (named or '"alias"' in begin or ",none" in begin) else None


def read(place: Place) -> list[Log]:
    """The results of each model: of each task the newest file that has it.

    Raises
    ------
    UserError
        A file is damaged, or no such result.
    """
    logs: dict[str, Log] = {}
    for path in sorted(place.files, key=lambda path: path.name):
        results = _results(path)
        config = results["config"]
        model = str(results.get("model_name") or config.get("model") or place.name)
        arguments = config.get("model_args")
        said = json.dumps(arguments) if isinstance(arguments, dict) else str(arguments or "")
        revision = re.search(r"revision[\"=:\s]+([\w.-]+)", said)
        run = f"{model}@{revision[1]}" if revision and revision[1] not in model else model
        found = STEP.search(f"/{model} {said.replace(': ', '=').replace(chr(34), '')}")
        step = int(found[1]) if found else 0
        log = logs.setdefault(run, Log(run, path))
        log.source = path
        if not step:
            log.set(NO_STEP, 1, "lm-eval")
        n_params = config.get("model_num_parameters")
        if is_count(n_params):
            log.settings["n_params"] = float(n_params)
            log.said["n_params"] = "model_num_parameters, embeddings in"
        _limits(log, config)
        for task, metrics in results["results"].items():
            for key, value in metrics.items():
                metric, _, kind = key.partition(",")
                if metric not in LOSSES:
                    continue
                if not is_number(value):
                    problem = f"{task}: {key} is no number, got {value!r:.40}"
                    raise UserError(str(path), [problem])
                tag = f"{task}/{metric}" + (f",{kind}" if kind not in ("", "none") else "")
                one = series([(step, float(value))], HELD_OUT)
                if tag in log.tags:
                    log.notes.append(f"{tag}: {path.name} is the newest of several files")
                log.tags[tag] = one
    for log in logs.values():
        if any("bits_per_byte" in tag for tag in log.tags):
            log.notes.append(
                "bits a byte are of the task's own text: they compare with no other task's"
            )
    return list(logs.values())


def _limits(log: Log, config) -> None:
    limit = config.get("limit")
    if limit is not None:
        log.notes.append(f"limit {limit}: only that part of each task was evaluated")


def _results(path: Path) -> dict:
    content = read_json(path)
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict) or not all(isinstance(r, dict) for r in results.values()):
        raise UserError(str(path), ["has no results of tasks: it is no results file of lm-eval"])
    if not isinstance(content.setdefault("config", {}), dict):
        raise UserError(str(path), ["config is no object of names and values"])
    return content

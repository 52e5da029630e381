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
STEP = re.compile(r"[/@_-](?:checkpoint|global_step|step|iter)[-_]?(\d+)")
LOSSES = ("bits_per_byte", "byte_perplexity", "word_perplexity", "perplexity", "ppl", "loss", "nll")
MADE_PLAIN = ("wikitext", "french_bench_wikitext_fr")  # tasks that score another text
ENDS = 4096  # bytes at either end of a file, by which it is recognised


def place_of(path: Path) -> Path | None:
    """The folder of the results of a model, or None."""
    if path.suffix != ".json" or path.name == "trainer_state.json":
        return None
    named = path.name.startswith("results_")
    try:
        with path.open("rb") as file:
            begin = file.read(ENDS)
            if b'"results"' not in begin or not begin.lstrip().startswith(b"{"):
                return None
            file.seek(max(path.stat().st_size - ENDS, 0))
            end = file.read()
    except OSError:
        return None
    # before 0.4, metrics had no filter, and files any name
    if not (named or b'"alias"' in begin or b",none" in begin or b'"model_args"' in end):
        return None
    # a folder is named by its model, and checkpoints of one model are one run
    folder = path.parent
    return folder.parent if STEP.search(f"/{folder.name.replace('__', '/')}") else folder


def read(place: Place) -> list[Log]:
    """The results of each model: of each task and step the newest file that has it.

    Checkpoints of one model are evaluations of one run.

    Raises
    ------
    UserError
        A file is damaged, or no such result.
    """
    logs: dict[tuple[str, bool], Log] = {}
    found: dict[tuple[str, bool], dict[str, dict[int, float]]] = {}
    for path in sorted(place.files, key=lambda path: path.name):
        results = _results(path)
        config = results["config"]
        run, step = _run_of(results, place)
        key = (run, step is not None)
        log = logs.setdefault(key, Log(run, path))
        log.source = path
        if step is None:
            log.set(NO_STEP, 1, "lm-eval")
        n_params = config.get("model_num_parameters")
        if is_count(n_params):
            log.settings["n_params"] = float(n_params)
            log.said["n_params"] = "model_num_parameters, embeddings in"
        _limits(log, config)
        for tag, value in _losses(path, results).items():
            of_tag = found.setdefault(key, {}).setdefault(tag, {})
            if (step or 0) in of_tag:
                log.notes.append(f"{tag}: {path.name} is the newest of several files")
            of_tag[step or 0] = value
    for key, log in logs.items():
        if key[1] and (key[0], False) in logs:
            log.run += "@steps"  # beside the model whose step nothing says
        for tag, of_tag in found.get(key, {}).items():
            log.tags[tag] = series(sorted(of_tag.items()), HELD_OUT)
        if any("bits_per_byte" in tag for tag in log.tags):
            log.notes.append(
                "bits a byte are of the task's own text: they compare with no other task's"
            )
        for task in MADE_PLAIN:
            if any(tag.startswith(f"{task}/") for tag in log.tags):
                log.notes.append(
                    f"{task} is divided by the bytes, or words, of a text whose blanks lm-eval "
                    "took out before the model read it: other tools' losses of it are higher"
                )
    return list(logs.values())


def _run_of(results, place: Place) -> tuple[str, int | None]:
    """The name of a run, and its step if the model's name or revision says one."""
    config = results["config"]
    arguments = config.get("model_args")
    said = json.dumps(arguments) if isinstance(arguments, dict) else str(arguments or "")
    trained = re.search(r"pretrained[\"=:\s]+([^\",\s]+)", said)
    model = results.get("model_name") or (trained and trained[1]) or config.get("model")
    model = str(model or place.name)
    revision = re.search(r"revision[\"=:\s]+([\w.-]+)", said)
    if revision and (step := STEP.fullmatch(f"/{revision[1]}")):
        return model, int(step[1])
    run = f"{model}@{revision[1]}" if revision and revision[1] not in ("main", model) else model
    steps = [*STEP.finditer(f"/{run}")]
    if not steps:
        return run, None
    last = steps[-1]
    name = f"/{run}"[: last.start()] + f"/{run}"[last.end() :]
    return name.strip("/") or place.name, int(last[1])


def _losses(path: Path, results) -> dict[str, float]:
    """The losses of a file, each by its task and metric."""
    found = {}
    for task, metrics in results["results"].items():
        for key, value in metrics.items():
            metric, _, kind = key.partition(",")
            if metric not in LOSSES:
                continue
            if not is_number(value):
                problem = f"{task}: {key} is no number, got {value!r:.40}"
                raise UserError(str(path), [problem])
            tag = f"{task}/{metric}" + (f",{kind}" if kind not in ("", "none") else "")
            found[tag] = float(value)
    return found


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

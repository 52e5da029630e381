"""Import run logs: every place is read, its runs are joined, and their evaluations become rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.errors import UserError
from isoloss.logs import averages, find, rates, table, tags
from isoloss.logs.join import Run, joined
from isoloss.logs.reading import OF_ONE_DEVICE
from isoloss.logs.records import TRAINING, Options, Place
from isoloss.logs.remembered import Remembered

if TYPE_CHECKING:
    import pandas as pd

MOST_TAGS = 12
LISTED = 5  # the most runs named in one message
NO_TOKENS = (
    "nothing says how many tokens a step has: --tokens-per-step NUMBER, or --batch-size and "
    "--context (sequences over all devices and accumulation, tokens in each); for runs with one "
    "evaluation also --tokens NUMBER"
)


@dataclass
class Imported:
    """A table of runs, and what is to be said of it.

    Attributes
    ----------
    table : pandas.DataFrame
        One row an evaluation; its columns are `table.COLUMNS`.
    assumed, notes : list of str
    n_read, n_remembered : int
        Places that were read now, and by an earlier import.
    """

    table: pd.DataFrame
    assumed: list[str]
    notes: list[str]
    n_read: int
    n_remembered: int


@dataclass
class _Said:
    """What the runs of a place say, as plain values that can be saved."""

    notes: list[list[str]] = field(default_factory=list)  # [run, note]
    assumed: list[list[str]] = field(default_factory=list)  # [run, assumption]
    tags: list[list[str]] = field(default_factory=list)  # [run, tag of the loss]
    several: list[list[str]] = field(default_factory=list)  # [run, held-out tags, with ", "]
    trained_only: list[list[str]] = field(default_factory=list)  # [run, tag of training]
    no_tokens: list[str] = field(default_factory=list)
    empty: list[list[str]] = field(default_factory=list)  # [run without a loss, its tags]
    batches: list[list[Any]] = field(default_factory=list)  # [run, tag, texts, texts a step]


def import_logs(
    folders: Sequence[str | Path],
    options: Options,
    *,
    form: str | None = None,
    remembered: Remembered | None = None,
    skip_refused: bool = False,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Read the logs below some folders into a table of runs.

    Parameters
    ----------
    folders : sequence of path
    form : str, optional
        One of `find.FORMATS`; None: each file's format is recognised.
    remembered : Remembered, optional
        What an earlier import read.
    skip_refused : bool
        Whether to leave out files that cannot be read.
    advance : callable
        Called with the places that are done, and their number.

    Raises
    ------
    UserError
        Files are damaged, a run has several held-out losses and none is chosen, nothing says the
        tokens of a run, or no run has a loss.
    """
    places, notes = find.places(folders, form)
    whole, refused, frames = _Said(), [], []
    n_remembered = 0
    for done, (name, place) in enumerate(places):
        advance(done, len(places))
        module = find.module_of(name)
        beside = getattr(module, "files_beside", lambda folder: [])(place.folder)
        files = sorted({*place.files, *beside})
        key = f"{name} {place.folder.as_posix()} {place.name}"
        known = remembered.recall(key, files) if remembered else None
        if known is not None:
            said, rows = _Said(**known[0]), known[1]
            n_remembered += 1
        else:
            try:
                said, rows = _rows_of(name, place, module, options)
            except UserError as error:
                refused += [f"{error.where}: {problem}" for problem in error.problems]
                continue
            if remembered:
                remembered.keep(key, files, [run for run, _ in said.tags], vars(said))
        if len(rows):
            frames.append(rows)
        for listed, more in zip(vars(whole).values(), vars(said).values(), strict=True):
            listed += more
    advance(len(places), len(places))
    problems = [] if skip_refused else [*refused]
    problems += _problems(whole, options, frames or problems)
    if problems:
        hint = ""
        if refused and not skip_refused:
            hint = "--skip-refused imports the other files"
        raise UserError("import", problems, hint)
    notes += [f"refused: {text}" for text in refused]
    frames, in_two = _once(frames)
    notes += in_two
    runs = _concatenated(frames)
    notes += _grouped(whole.notes) + _notes_of(whole, runs, options)
    assumed = _grouped(whole.assumed)
    return Imported(runs, assumed, notes, len(places) - n_remembered, n_remembered)


def _rows_of(name: str, place: Place, module, options: Options) -> tuple[_Said, Any]:
    """What the runs of a place say, and their rows."""
    import pandas as pd

    said, frames = _Said(), []
    read = module.read(place, options) if getattr(module, "ASKS", False) else module.read(place)
    for run in joined(read):
        said.notes += [[run.name, note] for note in run.notes]
        tag = _choose(run, options, said)
        if tag is None:
            continue
        try:
            columns = table.rows(run, tag, name, options)
        except table.NoTokens:
            said.no_tokens.append(run.name)
            continue
        _say(run, tag, columns, options, said)
        frames.append(pd.DataFrame(columns))
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return said, rows


def _choose(run: Run, options: Options, said: _Said) -> str | None:
    """The tag of a run's loss; None where the user has to choose, or there is none."""
    if options.loss:
        tag = tags.asked(run, options.loss)
        if tag is None:
            said.empty.append([run.name, _listed(run.tags)])
        return tag
    found = tags.held_out(run)
    if len(found) > 1:
        said.several.append([run.name, ", ".join(sorted(found))])
        return None
    if not found:
        training = tags.training(run)
        if training is None:
            said.empty.append([run.name, _listed(run.tags)])
        else:
            said.trained_only.append([run.name, training])
        return None
    return found[0]


def _say(run: Run, tag: str, columns, options: Options, said: _Said) -> None:
    said.tags.append([run.name, tag])
    said.assumed.append([run.name, f"loss: tag {tag!r}"])
    said.assumed += [[run.name, text] for text in columns["assumed"].split("; ")]
    untrained = columns.pop("n_untrained")
    if untrained:
        said.notes.append([run.name, f"{untrained} evaluation before any step is left out"])
    one = run.tags[tag]
    if one.kind == TRAINING and not options.loss:
        said.notes.append([run.name, f"{tag!r} is a training loss"])
    seen, _ = table.tokens_of(run, one, options)
    if wrong := table.disagreement(run, one, seen):
        said.notes.append([run.name, wrong])
    for wrong in (averages.multiple(run, tag, columns), rates.of_nothing(run)):
        if wrong:
            said.notes.append([run.name, wrong])
    if read := averages.evaluated(run, tag):
        said.batches.append([run.name, tag, *read])


def _problems(whole: _Said, options: Options, others) -> list[str]:
    """What keeps runs out of the table; `others` is empty where there is nothing else to say."""
    problems = []
    by_tags: dict[str, list[str]] = {}
    for run, listed in whole.several:
        by_tags.setdefault(listed, []).append(run)
    for listed, runs in by_tags.items():
        example = min(listed.split(", "), key=lambda tag: ("val" not in tag, tag))
        problems.append(
            f"{_runs(runs)} has several held-out losses: {listed}; choose with --loss "
            f"{_quote(example)}"
        )
    if whole.no_tokens:
        problems.append(f"{_runs(whole.no_tokens)}: {NO_TOKENS}")
        told = [one for one in whole.notes if one[0] in whole.no_tokens and OF_ONE_DEVICE in one[1]]
        problems += _grouped(told)
    if not problems and not others:
        if options.loss:
            wanted = " or ".join(map(repr, options.loss))
            problems.append(f"no run has a loss {wanted}{_tags_of(whole)}")
        elif whole.trained_only:
            tag = whole.trained_only[0][1]
            problems.append(
                f"no run has a held-out loss; --loss {_quote(tag)} takes the training loss, "
                "averaged over 1 % of a run's tokens (--average TOKENS)"
            )
        else:
            problems.append(f"no run has a loss{_tags_of(whole)}")
    for option in (options.tokens_per_step, options.tokens, options.n_params,
                   options.n_params_non_embedding):  # fmt: skip
        everyone = [run for run, _ in whole.tags] + whole.no_tokens
        everyone += [run for run, _ in whole.several]
        if others:
            problems += [
                f"{option.option}: {pattern!r} matches no run"
                for pattern in option.unused(everyone)
                if pattern != "*"
            ]
    return problems


def _notes_of(whole: _Said, runs, options: Options) -> list[str]:
    notes = []
    if whole.trained_only:
        notes.append(
            f"{_runs([run for run, _ in whole.trained_only])} has no held-out loss and is left out"
        )
    if whole.empty:
        wanted = " or ".join(map(repr, options.loss)) or "of any kind"
        runs_ = [run for run, _ in whole.empty]
        notes.append(f"{_runs(runs_)} has no loss {wanted} and is left out{_tags_of(whole)}")
    chosen = sorted({tag for _, tag in whole.tags})
    if len(chosen) > 1:
        notes.append(
            f"the losses of different runs have different tags: {', '.join(chosen)}; they compare "
            "only if they are of the same data"
        )
    notes += averages.in_other_batches(whole.batches)
    unknown = runs.loc[runs["n_params"].isna(), "run_id"].drop_duplicates().tolist()
    if unknown:
        notes.append(
            f"{_runs(unknown)}: nothing says the number of parameters, and n_params is empty: "
            "--n-params NUMBER or 'PATTERN=NUMBER'"
        )
    return notes


def _once(frames) -> tuple[list[Any], list[str]]:
    """The frames of places without a run that has more evaluations in another place, and notes."""
    n_rows: dict[str, list[tuple[int, int]]] = {}
    for i, rows in enumerate(frames):
        for run, count in rows["run_id"].value_counts().items():
            n_rows.setdefault(str(run), []).append((int(count), i))
    twice = {run: max(found)[1] for run, found in n_rows.items() if len(found) > 1}
    if not twice:
        return frames, []
    kept = [
        rows[[twice.get(run, i) == i for run in rows["run_id"]]] for i, rows in enumerate(frames)
    ]
    note = f"{_runs(sorted(twice))}: logged in several places; the one of most evaluations counts"
    return [rows for rows in kept if len(rows)], [note]


def _concatenated(frames):
    """All rows, in the order of runs and steps, with the same columns in the same order."""
    import pandas as pd

    runs = pd.concat(frames, ignore_index=True)
    twice = [name for name in table.UNITS.values() if name in runs and runs[name].notna().any()]
    wanted = [c for c in table.COLUMNS if c != "eval_loss"]
    at = wanted.index("loss_tag")
    losses = twice or ["eval_loss"]
    wanted[at:at] = losses
    for name in wanted:
        if name not in runs:
            runs[name] = float("nan")
    runs = runs[wanted].sort_values(["run_id", "step"], kind="stable", ignore_index=True)
    whole = {"step": "int64", "n_duplicates": "int64", "is_last": "bool"}
    floats = ("n_tokens", "n_params", "n_params_non_embedding", "compute",
              "learning_rate", "train_loss",
              "n_averaged", *losses)  # fmt: skip
    return runs.astype({**whole, **dict.fromkeys(floats, "float64")})


def _grouped(said: list[list[str]]) -> list[str]:
    """Each sentence once, with the runs of which it is said."""
    by_text: dict[str, list[str]] = {}
    for run, text in said:
        by_text.setdefault(text, []).append(run)
    everyone = {run for run, _ in said}
    return [
        text if set(runs) == everyone and len(everyone) > 1 else f"{_runs(runs)}: {text}"
        for text, runs in by_text.items()
    ]


def _listed(tags_) -> str:
    more = f" and {len(tags_) - MOST_TAGS} more" if len(tags_) > MOST_TAGS else ""
    return ", ".join([*tags_][:MOST_TAGS]) + more


def _tags_of(whole: _Said) -> str:
    """The tags of the first run without a loss, as the end of a sentence."""
    if not whole.empty:
        return ""
    run, listed = whole.empty[0]
    return f" ({run} has {listed})" if listed else f" ({run} has no values)"


def _runs(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _quote(text: str) -> str:
    return f"'{text}'" if any(not (c.isalnum() or c in "_-./") for c in text) else text

"""Published studies in a plan: which runs they give, the texts that these read, what to say."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from isoloss.corpus.fingerprint import Resolved
from isoloss.corpus.sources.base import NotAtHand, Source
from isoloss.errors import UserError, nearest
from isoloss.files import canonical_json
from isoloss.pipeline.jobs import Jobs
from isoloss.pipeline.paths import OtherText
from isoloss.plan.plan import KnownCorpus
from isoloss.runs.published import Published, read, restore, restore_records

LEAVE_OUT = "--config 'published=[]'"


def read_all(folders: Sequence[str], root: Path) -> tuple[Published, ...]:
    """The published studies in some folders of a project, checked.

    Raises
    ------
    UserError
        A folder is missing, or what it holds disagrees.
    """
    found, problems = [], []
    for name in folders:
        if not (root / name).is_dir():
            known = [f"{Path(name).parent}/{path.name}" for path in (root / name).parent.glob("*")]
            problems.append(f"there is no folder {name}{nearest(name, known)}")
            continue
        try:
            found.append(read(root / name))
        except UserError as error:
            problems += [f"{error.where}: {problem}" for problem in error.problems]
    if problems:
        raise UserError(f"published (without it: {LEAVE_OUT})", problems)
    return tuple(found)


def to_restore(made: Jobs) -> dict[str, Published]:
    """Runs of the plan that a published study has, and that are not here.

    A run that `isoloss retrain` has set aside is trained again.
    """
    if not made.published:
        return {}
    folder = made.root / made.config.results / "superseded"
    aside = {path.name.rpartition("-")[0] for path in folder.glob("*-*")}
    return {
        run_id: one
        for one in reversed(made.published)  # the first that has a run gives it
        for run_id in one.runs
        if run_id in made.plan.runs and run_id not in aside and not made.is_done(run_id)
    }


def restore_runs(made: Jobs) -> int:
    """Write the files of published runs that are not here, and records of predictions.

    Returns
    -------
    int
        The number of runs that were restored.

    Raises
    ------
    UserError
        A file cannot be written.
    """
    results, number = made.root / made.config.results, len(made.to_restore)
    runs = [made.plan.runs[run_id] for run_id in made.to_restore]
    trunks = sorted({trunk_id for run in runs for trunk_id in made.plan.chain(run)})
    for published in made.published:
        restore_records(published, results, trunks)
    if number:
        restore(made.to_restore, results)
        made.to_restore.clear()
    return number


def settings_of(spec: Source) -> dict[str, Any]:
    """The settings of a corpus that are not at their defaults, by which it is found again."""
    return {"kind": spec.kind} | spec.model_dump(mode="json", exclude_defaults=True)


class PublishedTexts:
    """The corpora of published runs, found by their settings: a plan needs no text for them.

    Parameters
    ----------
    studies : iterable of Published
        Where two have a corpus of the same settings, that of the first holds.
    """

    def __init__(self, studies: Iterable[Published]):
        entries = [entry for one in studies for entry in one.corpora.values()]
        self._entries = {canonical_json(entry["settings"]): entry for entry in reversed(entries)}
        self._sources = {one["card"]["corpus_id"]: one.get("source") or "" for one in entries}

    def of(self, spec: Source) -> KnownCorpus | None:
        """What is known of the corpus with these settings; None if no published run read it."""
        entry = self._entries.get(canonical_json(settings_of(spec))) if self._entries else None
        if entry is None:
            return None
        card = entry["card"]
        return KnownCorpus(
            card["corpus_id"],
            card["train_tokens"],
            card["heldout_tokens"],
            spec.tokenizer.vocab_size or KnownCorpus.vocab_size,
            tuple(spec.elsewhere),
        )

    def missing(self, known: KnownCorpus, error: NotAtHand) -> OtherText:
        """A text that is not on this machine."""
        return OtherText("; ".join(error.problems), self._sources[known.corpus_id])

    def other(self, known: KnownCorpus, found: Resolved) -> OtherText:
        """A text in whose place this machine has another."""
        reason = f"the text here is {found.corpus_id}"
        return OtherText(reason, self._sources[known.corpus_id], here=found.corpus_id)


def warnings(made: Jobs) -> list[str]:
    """What a user must know of published studies before jobs start, a sentence or two each."""
    said = [
        f"{one.folder}: {len(one.gone)} of the runs that its card names have no rows, such as"
        f" {one.gone[0]}. They are not restored."
        for one in made.published
        if one.gone
    ]
    if not made.other_texts:
        return said
    waiting = [made.job(job_id).corpus_id for job_id in made.untrained_core_s()]
    for corpus_id, text in made.other_texts.items():
        number = waiting.count(corpus_id)
        if text.here:
            said.append(
                f"The published runs read the text {corpus_id}, and the text here is {text.here}:"
                f" they are drawn as they are. To train on the text here: {LEAVE_OUT}."
            )
        if number:
            where = f" Its source: {text.source}." if text.source else ""
            said.append(
                f"{number} jobs must train on the text {corpus_id}, which is not here"
                f" ({text.reason}).{where}"
            )
    return said

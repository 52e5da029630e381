"""The paths of all files of a checked config and its plan."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from isoloss.config import exhibits
from isoloss.config.study import Config, Frontier, Study, Trained
from isoloss.corpus.fingerprint import Resolved, prepared_card
from isoloss.errors import UserError, nearest
from isoloss.plan.plan import KnownCorpus
from isoloss.plan.planned import HeldOut, Plan
from isoloss.runs import RUN_FILES
from isoloss.runs.published import Published

PREDICTION = "prediction"  # the analysis that every study with a prediction has
PREDICTION_SETTINGS = exhibits.analysis(PREDICTION).settings
COLLECTED = ("row.json", "curve.parquet")  # of a run, by the tables of its study
TABLES = ("runs.parquet", "curves.parquet", "evaluations.parquet")
FIGURE_FILES = (".pdf", ".png", ".csv", ".json")


@dataclass(frozen=True)
class OtherText:
    """A text that published runs read, and on which this machine cannot train."""

    reason: str
    source: str  # where the text is from, for people; ""
    here: str | None = None  # the identity of the text that is here instead


@dataclass(frozen=True)
class Paths:
    """A checked config; paths are relative to the project's folder."""

    TRUNK_SUFFIX: ClassVar = ".safetensors"

    root: Path
    config: Config
    studies: dict[str, Study]
    plan: Plan
    corpora: dict[str, KnownCorpus]  # by identity
    specs: dict[str, dict[str, Any]]  # identity -> the settings of the corpus
    corpus_ids: dict[str, dict[str, str]]  # study -> name -> identity
    not_at_hand: dict[str, str]  # name of a corpus that is planned without its text -> the reason
    published: tuple[Published, ...] = ()
    # Identity of a corpus of published runs -> why this machine cannot train on it.
    other_texts: dict[str, OtherText] = field(default_factory=dict)
    # Run of the plan that is not here -> the published study that has it. It counts as finished:
    # `isoloss.pipeline.published` writes its files before any job, but in a dry run.
    to_restore: dict[str, Published] = field(default_factory=dict)

    def run(self, run_id: str, name: str) -> str:
        """A file of a run."""
        return f"{self.config.results}/runs/{run_id}/{name}"

    def study(self, study: str, name: str) -> str:
        """A file of a study."""
        return f"{self.config.results}/studies/{study}/{name}"

    def corpus(self, corpus_id: str, name: str) -> str:
        """A file of a corpus."""
        return f"{self.config.results}/corpora/{corpus_id}/{name}"

    def trunk_file(self, trunk_id: str) -> str:
        """The checkpoint at the end of a piece of a trunk."""
        return f"{self.config.results}/trunks/{trunk_id}{self.TRUNK_SUFFIX}"

    def stack_file(self, stack_id: str) -> str:
        """What the jobs of a stack have come to, until each has taken its part."""
        return f"{self.config.results}/stacks/{stack_id}.json"

    def checkpoint(self, job_id: str) -> str:
        """Where a training keeps its state while it goes on."""
        return f"{self.config.results}/checkpoints/{job_id}{self.TRUNK_SUFFIX}"

    def figures(self, study: str | None = None) -> list[str]:
        """The files of all figures, or of a study's."""
        return [
            f"{self.config.figures}/{name}/{figure.name}{end}"
            for name in ([study] if study else self.studies)
            for figure in self.studies[name].figures
            for end in FIGURE_FILES
        ]

    def analysis(self, study: str, name: str) -> str:
        """The table of one analysis of a study."""
        return self.study(study, f"analyses/{name}.parquet")

    def analyses(self, study: str) -> dict[str, Any]:
        """The settings of a study's analyses, by name, in the order in which they are made."""
        found = {one.name: one for one in self._study(study).analyses}
        predicted = {PREDICTION: PREDICTION_SETTINGS()} if study in self.plan.held_out else {}
        return predicted | found

    def analyses_of(self, study: str) -> list[str]:
        """The table of all analyses of a study; none for a study without analyses."""
        return [self.study(study, "analyses.parquet")] if self.analyses(study) else []

    def each_analysis(self, study: str) -> list[str]:
        """The tables of a study's analyses, one by one."""
        return [self.analysis(study, name) for name in self.analyses(study)]

    def done_before(self, study: str, name: str) -> list[str]:
        """The tables of the analyses that an analysis uses."""
        known = self.analyses(study)
        before = list(known)[: list(known).index(name)]
        return [self.analysis(study, o) for o in before if known[o].do in known[name].reads]

    def predictions_of(self, study: str) -> list[str]:
        """The prediction of a study; none for a study without a prediction."""
        return [self.study(study, "prediction.parquet")] if study in self.plan.held_out else []

    @property
    def predictions(self) -> str:
        """The folder of the records of all predictions."""
        return f"{self.config.results}/predictions"

    def predicted(self, study: str, name: str) -> list[str]:
        """The prediction that an analysis uses; none for most analyses."""
        return self.predictions_of(study) if name == PREDICTION else []

    def fitted_rows(self, study: str) -> list[str]:
        """The files of the runs that a study's prediction is fitted to."""
        fitted = self._not_to_restore(self._held_out(study).fitted)
        return [self.run(run_id, "row.json") for run_id in fitted]

    def testing_rows(self, study: str) -> list[str]:
        """The files of the runs that a study predicts."""
        return [self.run(run_id, "row.json") for run_id in self._held_out(study).run_ids]

    def trained(self) -> list[str]:
        """The tables of runs of the studies that train."""
        return [self.study(name, "runs.parquet") for name in self.plan.members]

    def made(self, study: str) -> list[str]:
        """The tables of a study and its missing runs, but no trunks and corpora.

        Snakemake makes a missing file only if the file is a target, or the input of a job that
        runs. So all of these tables are targets. A table that a failed job lost, or that was
        removed by hand, is then made again.
        """
        trained = isinstance(self._study(study), Trained)
        return [
            *(self._missing(study) if trained else []),
            *([self.study(study, "plan.json")] if trained else []),
            *(self.study(study, name) for name in (*TABLES, "fits.parquet")),
            *self.predictions_of(study),
            *self.analyses_of(study),
        ]

    def drawn(self) -> list[str]:
        """The files of all figures, and missing runs that tables made before would not ask for."""
        return [
            *self.figures(),
            *(path for study in self.plan.members for path in self._missing(study)),
        ]

    def _missing(self, study: str) -> list[str]:
        """The files of runs that are not there, and that the study's tables would not ask for.

        In a plan of thousands of runs each further target costs memory.
        """
        tables_made = all((self.root / self.study(study, name)).exists() for name in TABLES)
        missing = []
        for run_id in self._not_to_restore(self.plan.run_ids(study)):
            files = {name: self.run(run_id, name) for name in RUN_FILES}
            gone = [name for name, path in files.items() if not (self.root / path).exists()]
            if tables_made or not set(gone) & set(COLLECTED):
                missing += [files[name] for name in gone[:1]]
        return missing

    def everything(self) -> list[str]:
        """What is made if no target is named; the report asks for the figures."""
        shared = ("report.html", "findings.json", "complete.json", "losses.parquet", "fits.parquet")
        return [
            *(f"{self.config.results}/{name}" for name in shared),
            *(path for study in self.studies for path in self.made(study)),
        ]

    def of_study(self, study: str) -> list[str]:
        """The tables and the figures of a study."""
        return [*self.made(study), *self.figures(study)]

    def inputs(self, study: str) -> list[str]:
        """The input files of the tables of a study."""
        found = self._study(study)
        if isinstance(found, Trained):
            runs = self._not_to_restore(self.plan.run_ids(study))
            files = [self.run(run, name) for run in runs for name in COLLECTED]
            return [self.study(study, "plan.json"), *files]
        if isinstance(found, Frontier):
            return [self.study(other, name) for other in found.of for name in TABLES]
        return [found.path] if found.source == "table" else []

    def _not_to_restore(self, run_ids: Iterable[str]) -> list[str]:
        return [run_id for run_id in run_ids if run_id not in self.to_restore]

    def _held_out(self, study: str) -> HeldOut:
        if study not in self.plan.held_out:
            self._study(study)  # which raises if there is none
            raise UserError("the target", [f"{study} has no `prediction`"])
        return self.plan.held_out[study]

    def _study(self, name: str) -> Study:
        if name not in self.studies:
            known = nearest(name, self.studies)
            raise UserError("the target", [f"{name!r} is not a study of the config{known}"])
        return self.studies[name]


def known_corpus(found: Resolved, folder: str | Path | None = None) -> KnownCorpus:
    """Facts about a corpus for the plan; `folder` is that of the prepared corpus.

    Before the corpus is prepared, its bytes bound its tokens; then its card counts them.
    """
    card = prepared_card(folder, found.corpus_id) if folder else None
    return KnownCorpus(
        found.corpus_id,
        card["train_tokens"] if card else found.max_train_tokens,
        card["heldout_tokens"] if card else found.max_heldout_tokens,
        found.spec.tokenizer.vocab_size or KnownCorpus.vocab_size,
        tuple(found.spec.elsewhere),
    )

"""What the Snakefile knows: the checked config, the plan, and each job's slice of both.

A rule's `params` are strings of canonical JSON, because Snakemake compares params by their text:
a job is stale when, and only when, the slice that it reads has changed.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss import limits
from isoloss.code import training_fingerprint
from isoloss.config.figures import Figure
from isoloss.config.load import load_studies, parse_config
from isoloss.config.runs import RUNS
from isoloss.config.study import Config, Frontier, Planted, Study, Trained
from isoloss.corpus.fingerprint import Resolved, resolve
from isoloss.corpus.registry import registered_names, registry_path
from isoloss.errors import UserError, nearest
from isoloss.files import canonical_json, read_json, without_tags
from isoloss.job import COMMIT, DEVICE
from isoloss.plan.grid import named_corpora
from isoloss.plan.plan import KnownCorpus, make_plan
from isoloss.plan.planned import Plan, PlannedRun, PlannedTrunk
from isoloss.plan.resources import Resources, resources_of
from isoloss.references import unknown_names
from isoloss.tasks import planted

TABLES = ("runs.parquet", "curves.parquet")
FIGURE_FILES = (".pdf", ".png", ".csv", ".json")
URGENT = 10**8  # milliseconds of priority: more than any run, less than a corpus
# What begins a construct of reStructuredText: inside a line, and at its start.
RST_MARKUP = re.compile(r"([\\*`|_]|^\W)")
HTML_TAG = re.compile(r"<(?=[A-Za-z/!?])")


@dataclass(frozen=True)
class Workflow:
    """A checked config, ready to be run."""

    root: Path
    config: Config
    studies: dict[str, Study]
    plan: Plan
    corpora: dict[str, Resolved]  # by identity
    specs: dict[str, dict[str, Any]]  # identity -> the settings of the corpus
    corpus_ids: dict[str, dict[str, str]]  # study -> name -> identity

    # Paths, relative to the project's folder.
    def run(self, run_id: str, name: str) -> str:
        """A file of a run."""
        return f"{self.config.results}/runs/{run_id}/{name}"

    def study(self, study: str, name: str) -> str:
        """A file of a study."""
        return f"{self.config.results}/studies/{study}/{name}"

    def corpus(self, corpus_id: str, name: str) -> str:
        """A file of a corpus."""
        return f"{self.config.results}/corpora/{corpus_id}/{name}"

    def figures(self, study: str | None = None) -> list[str]:
        """The files of all figures, or of a study's."""
        return [
            f"{self.config.figures}/{name}/{figure.name}{end}"
            for name in ([study] if study else self.studies)
            for figure in self.studies[name].figures
            for end in FIGURE_FILES
        ]

    # The slices of the config that the rules read.
    def planned(self, run_id: str) -> PlannedRun:
        """A run of the plan.

        Raises
        ------
        UserError
            No study of the config wants that run.
        """
        if run_id not in self.plan.runs:
            raise UserError("the target", [f"{run_id} is not a run of any study of the config"])
        return self.plan.runs[run_id]

    def spec(self, corpus_id: str) -> str:
        """The settings of a corpus."""
        if corpus_id not in self.specs:
            raise UserError("the target", [f"{corpus_id} is not a corpus of any study"])
        return canonical_json(self.specs[corpus_id])

    def corpora_json(self, study: str) -> str:
        """The corpora of a study: name -> identity."""
        return canonical_json(self.corpus_ids.get(study, {}))

    def corpus_of(self, job_id: str) -> list[str]:
        """The file that says that a job's corpus is whole; none for a run without one."""
        corpus_id = self.job(job_id).corpus_id
        return [self.corpus(corpus_id, "card.json")] if corpus_id else []

    def corpus_option(self, job_id: str) -> str:
        """The option that gives a training job its corpus."""
        corpus_id = self.job(job_id).corpus_id
        return f"--corpus {self.corpus(corpus_id, '')}" if corpus_id else ""

    def trunk_file(self, trunk_id: str) -> str:
        """The checkpoint at the end of a piece of a trunk."""
        return f"{self.config.results}/trunks/{trunk_id}.safetensors"

    def planned_trunk(self, trunk_id: str) -> PlannedTrunk:
        """A piece of a trunk of the plan.

        Raises
        ------
        UserError
            No run of the config goes on from it.
        """
        if trunk_id not in self.plan.trunks:
            raise UserError("the target", [f"{trunk_id} is not a trunk of any run of the config"])
        return self.plan.trunks[trunk_id]

    def job(self, job_id: str) -> PlannedRun | PlannedTrunk:
        """A run, or a piece of a trunk."""
        trunks = self.plan.trunks
        return trunks[job_id] if job_id in trunks else self.planned(job_id)

    def trunk_of(self, job_id: str) -> list[str]:
        """The checkpoint that a run, or a piece of a trunk, goes on from; none at step 0."""
        job = self.job(job_id)
        if isinstance(job, PlannedTrunk):
            return [self.trunk_file(job.before)] if job.before else []
        return [self.trunk_file(job.trunk.trunk_id)] if job.trunk else []

    def untrained_core_s(self) -> dict[str, float]:
        """The planned cost of each run that has no result yet, and of each trunk that they need."""
        runs = [
            run
            for run in self.plan.runs.values()
            if not (self.root / self.run(run.run_id, "row.json")).exists()
        ]
        trunks = {trunk_id for run in runs for trunk_id in self.plan.chain(run)}
        missing = {
            trunk_id: self.plan.trunks[trunk_id].cost.core_s
            for trunk_id in trunks
            if not (self.root / self.trunk_file(trunk_id)).exists()
        }
        return missing | {run.run_id: run.cost.core_s for run in runs}

    def priority(self, job_id: str) -> int:
        """The core-milliseconds that a run takes, or that wait for a piece of a trunk.

        What a prediction is made from comes before the rest, because a long run waits for it.
        """
        waiting_s = self.plan.waiting_s.get(job_id, self.job(job_id).cost.core_s)
        return round(1000 * waiting_s) + URGENT * (job_id in self.plan.urgent)

    def prediction_before(self, job_id: str) -> list[str]:
        """The prediction that must be written before a job may start."""
        study = self.plan.predicted_by.get(job_id)
        return [self.study(study, "prediction.parquet")] if study else []

    def predictions_of(self, study: str) -> list[str]:
        """The prediction of a study; nothing where it makes none."""
        return [self.study(study, "prediction.parquet")] if study in self.plan.held_out else []

    def fitted_rows(self, study: str) -> list[str]:
        """The files of the runs that a study's prediction is made from."""
        return [self.run(run_id, "row.json") for run_id in self.plan.held_out[study].fitted]

    def prediction(self, study: str) -> str:
        """What a study predicts: the laws, the settings of the run, and from which runs."""
        held = self.plan.held_out[study]
        fits = [
            fit.model_dump(mode="json", exclude_defaults=True)
            for fit in self._study(study).prediction.fits
        ]
        return canonical_json(
            {
                "fits": fits,
                "run_ids": held.run_ids,
                "settings": self.planned(held.run_ids[0]).settings,
                "fitted": held.fitted,
            }
        )

    def resources(self, job_id: str) -> Resources:
        """What a job asks of the machine that runs it."""
        job = self.job(job_id)
        settings = job.trunk.settings if isinstance(job, PlannedTrunk) else job.settings
        run = RUNS[settings["task"]["kind"]].model_validate(settings)
        vocab_size = None
        if job.corpus_id:
            vocab_size = known_corpus(self.corpora[job.corpus_id]).vocab_size
        return resources_of(run, job.cost, self.config.device, vocab_size)

    def settings(self, job_id: str) -> str:
        """The settings of a run, or those by which a piece of a trunk is trained."""
        job = self.job(job_id)
        return canonical_json(job.trunk.settings if isinstance(job, PlannedTrunk) else job.settings)

    def seed(self, job_id: str) -> int:
        """The seed of a run or of a trunk."""
        job = self.job(job_id)
        return job.trunk.seed if isinstance(job, PlannedTrunk) else job.seed

    def grid(self, study: str) -> str:
        """The settings and sweeps of a study."""
        included = {"settings", "sweeps"}
        return canonical_json(self._study(study).model_dump(mode="json", include=included))

    def source(self, study: str) -> str:
        """What the tables of a study are made from."""
        found = self._study(study)
        texts = {"title", "question", "theory", "notes", "errata", "comparison"}
        texts |= {"fits", "analyses", "figures", "corpora", "prediction"}
        grid = {"settings", "sweeps"} if isinstance(found, Trained) else set()
        kept = set(type(found).model_fields) - texts - grid
        return canonical_json(found.model_dump(mode="json", include=kept))

    def fits(self, study: str) -> str:
        """The fits of a study."""
        fits = self._study(study).fits
        return canonical_json([fit.model_dump(mode="json", exclude_defaults=True) for fit in fits])

    def analyses(self, study: str) -> str:
        """The analyses of a study, which are made in this order."""
        analyses = self._study(study).analyses
        return canonical_json(
            [one.model_dump(mode="json", exclude_defaults=True) for one in analyses]
        )

    def analyses_of(self, study: str) -> list[str]:
        """The table of a study's analyses; nothing where it has none."""
        made = self._study(study).analyses or study in self.plan.held_out
        return [self.study(study, "analyses.parquet")] if made else []

    def figure(self, study: str, name: str) -> str:
        """One figure of a study."""
        found = self._figure(study, name).model_dump(mode="json", exclude_defaults=True)
        # Not with sorted keys: series are drawn in the order in which they are given.
        return without_tags(json.dumps(found))

    def caption(self, study: str, name: str) -> str:
        """The caption of a figure for Snakemake's own report, which takes it for markup."""
        line = " ".join(self._figure(study, name).caption.split())
        # Snakemake also puts it into a script of its page, where no escape of HTML holds.
        return RST_MARKUP.sub(r"\\\1", HTML_TAG.sub("‹", line))

    def _study(self, name: str) -> Study:
        if name not in self.studies:
            known = nearest(name, self.studies)
            raise UserError("the target", [f"{name!r} is not a study of the config{known}"])
        return self.studies[name]

    def _figure(self, study: str, name: str) -> Figure:
        figures = {figure.name: figure for figure in self._study(study).figures}
        if name not in figures:
            raise UserError(
                "the target", [f"{study} has no figure {name!r}{nearest(name, figures)}"]
            )
        return figures[name]

    def figure_context(self, study: str) -> str:
        """What a study's figures must know beside its tables: its fits' variables, its truth."""
        found = self._study(study)
        truth = [found.law, found.parameters] if found.source == "planted" else None
        variables = {fit.name: fit.variables for fit in found.fits}
        return canonical_json({"variables": variables, "truth": truth})

    def texts(self) -> str:
        """What the report says of the studies, in order, and which figures and fits they have."""
        said = {"source", "title", "question", "theory", "notes", "errata", "comparison"}
        return canonical_json(
            [
                study.model_dump(mode="json", include=said)
                | {
                    "name": name,
                    "figures": [figure.name for figure in study.figures],
                    "fits": [fit.name for fit in study.fits],
                    "analyses": bool(self.analyses_of(name)),
                }
                for name, study in self.studies.items()
            ]
        )

    def slices(self) -> dict[str, str]:
        """What users write and commands carry, by the key in a study's file."""
        found = {"the texts of all studies": self.texts()}
        for name, study in self.studies.items():
            found[f"{name}: fits"] = self.fits(name)
            found[f"{name}: analyses"] = self.analyses(name)
            for figure in study.figures:
                found[f"{name}: figures.{figure.name}"] = self.figure(name, figure.name)
            if isinstance(study, Trained):
                found[f"{name}: sweeps"] = self.grid(name)
                corpora = self.corpus_ids.get(name, {}).items()
                found |= {f"{name}: corpora.{key}": self.spec(value) for key, value in corpora}
            else:
                found[name] = self.source(name)
        return found

    def training_code(self) -> str:
        """The fingerprint of the code that would train each task now."""
        return canonical_json({task: training_fingerprint(task) for task in RUNS})

    def trained_by_other_code(self) -> list[str]:
        """The runs of the plan whose results are from other training code than the present."""
        found = []
        for run_id, run in self.plan.runs.items():
            try:
                row = read_json(self.root / self.run(run_id, "row.json"))
            except UserError:
                continue  # not trained yet, or redone when it is read
            if row.get("code") != training_fingerprint(run.settings["task"]["kind"]):
                found.append(run_id)
        return found

    def trunks_by_other_code(self) -> dict[str, str]:
        """The trunks of the plan that other training code made, and which."""
        found = {}
        for trunk_id, job in self.plan.trunks.items():
            try:
                about = read_json((self.root / self.trunk_file(trunk_id)).with_suffix(".json"))
            except UserError:
                continue
            kind = job.trunk.settings["task"]["kind"]
            if about.get("code") != training_fingerprint(kind):
                found[trunk_id] = str(about.get("code"))
        return found

    def superseded(self, study: str) -> str:
        """The runs of a study that `isoloss retrain` has set aside so far."""
        wanted = set(self.plan.run_ids(study))
        aside = (self.root / self.config.results / "superseded").glob("*-*")
        found = [path.name for path in aside if path.name.rpartition("-")[0] in wanted]
        return canonical_json(sorted(found))

    def inputs(self, study: str) -> list[str]:
        """The files that the tables of a study are made from."""
        found = self._study(study)
        if isinstance(found, Trained):
            runs = self.plan.run_ids(study)
            files = [self.run(run, name) for run in runs for name in ("row.json", "curve.parquet")]
            return [self.study(study, "plan.json"), *files]
        if isinstance(found, Frontier):
            return [self.study(other, name) for other in found.of for name in TABLES]
        return [found.path] if found.source == "table" else []


def load(value: dict[str, Any], root: str | Path) -> Workflow:
    """Check everything and plan it.

    Parameters
    ----------
    value : dict
        The content of config/config.yaml, with what the command line changed.
    root : path
        The project's folder.

    Raises
    ------
    UserError
        Anything that is wrong, before any job starts.
    """
    root = Path(root)
    config = parse_config(value)
    studies = load_studies(config, root / "config" / "studies")
    specs, problems = {}, []
    resolved: dict[str, dict[str, Resolved]] = {}
    for name, study in studies.items():
        problems += [f"{name}: {problem}" for problem in unknown_names(study)]
        problems += [f"{name}: {problem}" for problem in limits.table_problems(study)]
        if isinstance(study, Planted):
            problems += [f"{name}: {problem}" for problem in planted.problems(study)]
        if not isinstance(study, Trained):
            continue
        try:
            resolved[name] = {}
            for corpus, spec in corpora_of(study, root).items():
                found = resolve(spec, root, where=f"corpora.{corpus}")
                resolved[name][corpus] = found
                specs[found.corpus_id] = spec
        except UserError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    if problems:
        raise UserError("the studies", problems)
    known = {
        study: {name: known_corpus(found) for name, found in corpora.items()}
        for study, corpora in resolved.items()
    }
    plan = make_plan(studies, known, config.budget)
    made = Workflow(
        root=root,
        config=config,
        studies=studies,
        plan=plan,
        corpora={r.corpus_id: r for corpora in resolved.values() for r in corpora.values()},
        specs=specs,
        corpus_ids={
            study: {name: found.corpus_id for name, found in corpora.items()}
            for study, corpora in resolved.items()
        },
    )
    if problems := limits.too_long(made.slices()):
        raise UserError("the studies", problems)
    return made


def corpora_of(study: Trained, root: Path) -> dict[str, dict[str, Any]]:
    """The settings of the corpora that a study's runs name: its own, else registered ones.

    An unknown name is left out: the plan says so, with the run's key.
    """
    names = registered_names(root) if registry_path(root).exists() else []
    registered = {name: {"kind": "registered", "name": name} for name in names}
    known = registered | study.corpora
    return {name: known[name] for name in named_corpora(study) if name in known}


def known_corpus(found: Resolved) -> KnownCorpus:
    """What the plan must know of a corpus."""
    return KnownCorpus(
        found.corpus_id,
        found.max_train_tokens,
        found.max_heldout_tokens,
        found.spec.tokenizer.vocab_size or KnownCorpus.vocab_size,
    )


def set_environment(root: str | Path, device: str) -> None:
    """Set what jobs inherit: this Python and this package, the device, the commit.

    The last two are no params of rules, because another device or commit makes no result stale.
    """
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    packages = [str(Path(root) / "workflow"), os.environ.get("PYTHONPATH", "")]
    os.environ["PATH"] = os.pathsep.join(filter(None, path))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, packages))
    os.environ[DEVICE] = device
    os.environ[COMMIT] = commit(root) or ""


def commit(root: str | Path) -> str | None:
    """The commit of the project's code, with "+" if files differ from it; None outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None

"""The training jobs: inputs, cost and resources of each, and the results of other training code."""

import functools
from typing import Any

from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json
from isoloss.pipeline.paths import Paths
from isoloss.plan.cost import RULE_S
from isoloss.plan.planned import PlannedRun, PlannedTrunk
from isoloss.plan.resources import Resources, resources_of
from isoloss.plan.stacks import settings_of
from isoloss.runs import RUN_FILES
from isoloss.runtime.fingerprint import STACKED, stack_fingerprint, training_fingerprint
from isoloss.runtime.progress import Costs
from isoloss.tasks import names, run_of
from isoloss.tasks.kernel import NATIVE, THEN, TORCH, kernel_for

# How a run was trained that would be trained otherwise now.
OTHER_CODE, OTHER_KERNEL = "code", "kernel"
URGENT = 10**8  # milliseconds of priority: more than any run, less than a corpus


class Jobs(Paths):
    """The runs, and the pieces of trunks that they continue."""

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

    def job(self, job_id: str) -> PlannedRun | PlannedTrunk:
        """A run, or a piece of a trunk."""
        trunks = self.plan.trunks
        return trunks[job_id] if job_id in trunks else self.planned(job_id)

    def trunk_of(self, job_id: str) -> list[str]:
        """The checkpoint that a run, or a piece of a trunk, continues; none at step 0."""
        job = self.job(job_id)
        before = job.before if isinstance(job, PlannedTrunk) else job.trunk and job.trunk.trunk_id
        return self._to_read(job_id, self.trunk_file(before)) if before else []

    def files_of(self, job_id: str) -> list[str]:
        """The result files of a run or of a piece of a trunk."""
        if job_id in self.plan.trunks:
            return [self.trunk_file(job_id)]
        return [self.run(job_id, name) for name in RUN_FILES]

    def corpus_of(self, job_id: str) -> list[str]:
        """The card of a job's corpus, written when the corpus is whole; none without a corpus."""
        corpus_id = self.job(job_id).corpus_id
        return self._to_read(job_id, self.corpus(corpus_id, "card.json")) if corpus_id else []

    def inputs_of(self, job_id: str) -> list[str]:
        """All files that must be there before a run, or a piece of a trunk, starts."""
        return [
            *self.corpus_of(job_id), *self.trunk_of(job_id), *self.prediction_before(job_id)
        ]  # fmt: skip

    def _to_read(self, job_id: str, path: str) -> list[str]:
        """A file that a job reads; none where the job is done and the file has been removed.

        When another job needs that file, it is made again. The one that is done is not.
        """
        return [path] if (self.root / path).exists() or not self.is_done(job_id) else []

    def is_done(self, job_id: str) -> bool:
        """Whether all that a run, or a piece of a trunk, leaves is there."""
        if job_id in self.to_restore:
            return True
        return all((self.root / path).exists() for path in self.files_of(job_id))

    def corpus_option(self, job_id: str) -> str:
        """The option that names the corpus of a training job."""
        corpus_id = self.job(job_id).corpus_id
        return f"--corpus {self.corpus(corpus_id, '')}" if corpus_id else ""

    def prediction_before(self, job_id: str) -> list[str]:
        """The prediction that must be written before a job may start; none once it is done.

        Otherwise, a new prediction would make the finished run stale, and train it again.
        """
        study = self.plan.predicted_by.get(job_id)
        waits = study and not self.is_done(job_id)
        return [self.study(study, "prediction.parquet")] if waits else []

    def untrained_core_s(self) -> dict[str, float]:
        """Planned core-seconds of each run without a result, and of each trunk for such runs."""
        runs = [
            run
            for run in self.plan.runs.values()
            if run.run_id not in self.to_restore
            and not (self.root / self.run(run.run_id, "row.json")).exists()
        ]
        trunks = {trunk_id for run in runs for trunk_id in self.plan.chain(run)}
        missing = {
            trunk_id: self.plan.trunks[trunk_id].cost.core_s
            for trunk_id in trunks
            if not (self.root / self.trunk_file(trunk_id)).exists()
        }
        return missing | {run.run_id: run.cost.core_s for run in runs}

    def costs(self) -> Costs:
        """Planned costs of the jobs that are to be done, for the time left."""
        trainings, after_s = self.untrained_core_s(), self.plan.waiting_s
        trunks = trainings.keys() & after_s.keys()
        return Costs(
            trainings=trainings,
            after={trunk_id: after_s[trunk_id] - trainings[trunk_id] for trunk_id in trunks},
            rules=RULE_S,
        )

    def priority(self, job_id: str) -> int:
        """Core-milliseconds of a run, or of all runs that wait for a piece of a trunk.

        Runs that a prediction is fitted to come first, because a long held-out run waits for them.
        """
        waiting_s = self.plan.waiting_s.get(job_id, self.job(job_id).cost.core_s)
        return round(1000 * waiting_s) + URGENT * (job_id in self.plan.urgent)

    def resources(self, job_id: str) -> Resources:
        """The resources of a job."""
        job = self.job(job_id)
        run = run_of(settings_of(job))
        vocab_size = None
        if job.corpus_id:
            vocab_size = self.corpora[job.corpus_id].vocab_size
        return resources_of(run, job.cost, self.config.device, vocab_size)

    def settings(self, job_id: str) -> str:
        """The settings of a run or of a piece of a trunk."""
        settings = settings_of(self.job(job_id))
        # Seeds of one run share their settings, and so the text, of which Snakemake keeps each.
        known = self._texts.get(id(settings))
        if known is None:
            known = self._texts[id(settings)] = canonical_json(settings)
        return known

    @functools.cached_property
    def _texts(self) -> dict[int, str]:
        """Settings of the plan -> their text."""
        return {}

    def seed(self, job_id: str) -> int:
        """The seed of a run or of a trunk."""
        job = self.job(job_id)
        return job.trunk.seed if isinstance(job, PlannedTrunk) else job.seed

    def superseded(self, study: str) -> str:
        """The runs of a study that `isoloss retrain` has set aside so far."""
        wanted = set(self.plan.run_ids(study))
        aside = (self.root / self.config.results / "superseded").glob("*-*")
        found = [path.name for path in aside if path.name.rpartition("-")[0] in wanted]
        return canonical_json(sorted(found))

    def trained_by_other_code(self) -> dict[str, str]:
        """Run of the plan that is trained, but not as it would be now -> what is other.

        That is `OTHER_CODE`, or `OTHER_KERNEL` where the code is the present one.
        """
        found = {}
        for run_id, run in self.plan.runs.items():
            try:
                row = self._row(run_id)
            except UserError:
                continue  # not trained yet, or redone when it is read
            other = self._other(row, run.settings)
            if other:
                found[run_id] = other
        return found

    def _row(self, run_id: str) -> dict[str, Any]:
        if run_id in self.to_restore:
            return self.to_restore[run_id].content.rows[run_id]
        return read_json(self.root / self.run(run_id, "row.json"))

    def trunks_by_other_code(self) -> dict[str, str]:
        """Trunk -> its training code, for trunks of the plan that other training code made."""
        found = {}
        for trunk_id, job in self.plan.trunks.items():
            try:
                about = read_json((self.root / self.trunk_file(trunk_id)).with_suffix(".json"))
            except UserError:
                continue
            if self._other(about, job.trunk.settings):
                found[trunk_id] = str(about.get("code"))
        return found

    def _other(self, made: dict[str, Any], settings: dict[str, Any]) -> str | None:
        """`OTHER_CODE` or `OTHER_KERNEL`, if a run or a trunk would be trained otherwise now."""
        if made.get("code") != training_fingerprint(settings["task"]["kind"]):
            return OTHER_CODE
        return OTHER_KERNEL if self._by_other_kernel(made, settings) else None

    def _by_other_kernel(self, made: dict[str, Any], settings: dict[str, Any]) -> bool:
        kernel = made.get("kernel")
        if kernel is None or made.get("device") != self.config.device:
            return False  # it was solved in closed form, or on a device that has PyTorch alone
        # A run has the same result in a stack as alone, up to rounding.
        parts = [part.partition(f" {STACKED} ") for part in kernel.split(THEN)]
        if len({alone for alone, _, _ in parts}) > 1:
            return True
        if {stack for _, _, stack in parts} - {"", stack_fingerprint()}:
            return True
        if kernel.split()[0] == NATIVE:
            return self.config.kernel == TORCH
        # Without a library, a run of PyTorch is what there can be.
        wanted = kernel_for(run_of(settings), asked=self.config.kernel, device="cpu")
        return self.config.device == "cpu" and wanted == NATIVE

    def record_predictions(self) -> None:
        """Record the predictions that a version without records has left.

        Raises
        ------
        UserError
            A record cannot be written.
        """
        results = self.root / self.config.results
        if any(self.root.glob(self.study("*", "prediction.parquet"))):
            from isoloss.forecast.record import record_tables

            record_tables(results)

    def training_code(self) -> str:
        """The fingerprint of the present training code of each task."""
        return canonical_json({task: training_fingerprint(task) for task in names()})

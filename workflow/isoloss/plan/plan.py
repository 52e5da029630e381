"""From studies to runs: every run once, and which sweeps of which studies want it."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from isoloss.config.runs import LanguageRun, Run
from isoloss.config.study import Budget, Grid, Study, Trained
from isoloss.errors import UserError, nearest
from isoloss.plan.cost import Cost, cost_of
from isoloss.plan.grid import expand
from isoloss.plan.held_out import HeldOut, hold_out
from isoloss.plan.identity import compact, run_id
from isoloss.plan.trunks import Trunk, predecessors, trunk_of


@dataclass(frozen=True)
class KnownCorpus:
    """What the plan must know of a corpus before it is prepared."""

    corpus_id: str
    max_train_tokens: int | None = None  # at most so many to train on; None: not known yet
    max_heldout_tokens: int | None = None
    vocab_size: int = 256  # a guess where only the text can tell


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training run."""

    run_id: str
    settings: dict[str, Any]  # what `RUNS[task.kind]` accepts
    seed: int
    corpus_id: str | None
    cost: Cost  # of the job: without its trunk
    trunk: Trunk | None = None  # what the run goes on from

    @property
    def whole_flops(self) -> float:
        """The compute of the run, as if it had been trained alone."""
        steps = self.cost.steps + (self.trunk.steps if self.trunk else 0)
        return float(steps * self.cost.flops_per_step)


@dataclass(frozen=True, kw_only=True)
class PlannedTrunk:
    """One job that trains a piece of a trunk."""

    trunk: Trunk
    before: str | None  # the id of the trunk that it goes on from
    corpus_id: str
    cost: Cost  # of the job: without the trunk before


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done."""

    runs: dict[str, PlannedRun] = field(default_factory=dict)
    trunks: dict[str, PlannedTrunk] = field(default_factory=dict)
    members: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    # study -> (sweep, run_id), in the order of the sweeps, their grids and their seeds
    held_out: dict[str, HeldOut] = field(default_factory=dict)  # study -> what it predicts

    @functools.cached_property
    def waiting_s(self) -> dict[str, float]:
        """Trunk -> core-seconds from its start to the end of the last run that waits for it."""
        cooldown_s: dict[str, float] = {}
        for run in self.runs.values():
            if run.trunk:
                longest = max(run.cost.core_s, cooldown_s.get(run.trunk.trunk_id, 0.0))
                cooldown_s[run.trunk.trunk_id] = longest
        waiting_s: dict[str, float] = {}
        for trunk in sorted(self.trunks.values(), key=lambda trunk: -trunk.trunk.steps):
            after = [waiting_s[t.trunk.trunk_id] for t in self._after.get(trunk.trunk.trunk_id, [])]
            last = max([cooldown_s[trunk.trunk.trunk_id], *after])
            waiting_s[trunk.trunk.trunk_id] = trunk.cost.core_s + last
        return waiting_s

    @functools.cached_property
    def _after(self) -> dict[str | None, list[PlannedTrunk]]:
        after: dict[str | None, list[PlannedTrunk]] = {}
        for trunk in self.trunks.values():
            after.setdefault(trunk.before, []).append(trunk)
        return after

    @functools.cached_property
    def predicted_by(self) -> dict[str, str]:
        """Run, or piece of a trunk that only such runs need -> the study that predicts it first."""
        found = {i: study for study, held in self.held_out.items() for i in held.run_ids}
        free = {t for run in self.runs.values() if run.run_id not in found for t in self.chain(run)}
        for held, study in list(found.items()):
            found |= dict.fromkeys(set(self.chain(self.runs[held])) - free, study)
        return found

    @functools.cached_property
    def urgent(self) -> set[str]:
        """The runs that a prediction is made from, and their trunks: others wait for them."""
        found = {i for held in self.held_out.values() for i in held.fitted}
        return found | {trunk_id for i in found for trunk_id in self.chain(self.runs[i])}

    def chain(self, run: PlannedRun) -> Iterator[str]:
        """The pieces of trunk before a run, from the last to the first."""
        trunk_id = run.trunk and run.trunk.trunk_id
        while trunk_id:
            yield trunk_id
            trunk_id = self.trunks[trunk_id].before

    def run_ids(self, study: str) -> list[str]:
        """The runs of a study, each once, in order."""
        return list(dict.fromkeys(run_id for _, run_id in self.members.get(study, [])))


def make_plan(
    studies: Mapping[str, Study],
    corpora: Mapping[str, Mapping[str, KnownCorpus]],
    budget: Budget,
) -> Plan:
    """Plan the runs of all studies.

    Parameters
    ----------
    studies : mapping
        Name -> study.
    corpora : mapping
        Name of the study -> name of the corpus -> what is known of it.
    budget : Budget
        What all runs together may cost.

    Raises
    ------
    UserError
        Impossible settings, an unknown corpus, more data than a corpus has, a budget exceeded.
    """
    runs: dict[str, PlannedRun] = {}
    members: dict[str, list[tuple[str, str]]] = {}
    held_out: dict[str, HeldOut] = {}
    problems: list[str] = []
    for name, study in studies.items():
        if not isinstance(study, Trained):
            continue
        try:
            members[name] = []
            for sweep, planned in runs_of(study, corpora.get(name, {})):
                runs.setdefault(planned.run_id, planned)
                members[name].append((sweep, planned.run_id))
            if study.prediction:
                planned = [(sweep, runs[run_id]) for sweep, run_id in members[name]]
                held_out[name] = hold_out(study.prediction, planned)
        except UserError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    trunks = _trunks(runs.values())
    if not problems:
        problems += _over_budget(runs, trunks, budget)
    if problems:
        raise UserError("the plan", problems)
    return Plan(runs=runs, trunks=trunks, members=members, held_out=held_out)


def _trunks(runs: Iterable[PlannedRun]) -> dict[str, PlannedTrunk]:
    """The pieces of trunks that runs go on from, each once."""
    wanted = {run.trunk.trunk_id: run for run in runs if run.trunk}
    before = predecessors(run.trunk for run in wanted.values())
    planned = {}
    for trunk_id, run in wanted.items():
        done = before[trunk_id].steps if before[trunk_id] else 0
        planned[trunk_id] = PlannedTrunk(
            trunk=run.trunk,
            before=before[trunk_id] and before[trunk_id].trunk_id,
            corpus_id=run.corpus_id,
            cost=replace(run.cost, steps=run.trunk.steps - done),
        )
    return planned


def runs_of(study: Grid, corpora: Mapping[str, KnownCorpus]) -> list[tuple[str, PlannedRun]]:
    """The runs of a study, each with the sweep that wants it, in order.

    Raises
    ------
    UserError
        Impossible settings, an unknown corpus, more data than a corpus has.
    """
    found, problems = [], []
    for sweep, combinations in expand(study).items():
        for run in combinations:
            try:
                run, corpus = _with_corpus(run, corpora)
            except UserError as error:
                problems += [f"sweeps.{sweep}: {problem}" for problem in error.problems]
                continue
            settings, whole = compact(run), cost_of(run, corpus and corpus.vocab_size)
            for seed in study.sweeps[sweep].seed_values:
                trunk = trunk_of(run, seed) if isinstance(run, LanguageRun) else None
                planned = PlannedRun(
                    run_id=run_id(run, seed),
                    settings=settings,
                    seed=seed,
                    corpus_id=corpus and corpus.corpus_id,
                    cost=replace(whole, steps=whole.steps - trunk.steps) if trunk else whole,
                    trunk=trunk,
                )
                found.append((sweep, planned))
    if problems:
        raise UserError("the runs", dict.fromkeys(problems))
    return found


def _with_corpus(run: Run, corpora: Mapping[str, KnownCorpus]) -> tuple[Run, KnownCorpus | None]:
    """The run with its corpus's identity for its name, and that corpus."""
    if not isinstance(run, LanguageRun):
        return run, None
    name = run.task.corpus
    if name not in corpora:
        allowed = ", ".join(sorted(corpora)) or "none"
        raise UserError(
            "a run",
            [f"task.corpus: unknown corpus {name!r}, there are {allowed}{nearest(name, corpora)}"],
        )
    corpus = corpora[name]
    unique = run.data.n_unique_tokens or run.data.n_tokens
    if unique == "all":
        unique = 0  # whatever there is, in as many epochs as it takes
    available = corpus.max_train_tokens
    # The last token of the corpus is a target only.
    if available is not None and unique + 1 > available:
        key = "data.n_tokens" if run.data.n_unique_tokens is None else "data.n_unique_tokens"
        hint = "" if run.data.n_unique_tokens else "; set data.n_unique_tokens for several epochs"
        raise UserError(
            "a run",
            [
                f"{key}: {unique:,} is more than the {max(available - 1, 0):,} training tokens of "
                f"the corpus {name!r}{hint}"
            ],
        )
    heldout = corpus.max_heldout_tokens
    if heldout is not None and run.data.n_heldout_tokens + 1 > heldout:
        raise UserError(
            "a run",
            [
                f"data.n_heldout_tokens: {run.data.n_heldout_tokens:,} is more than the "
                f"{max(heldout - 1, 0):,} held-out tokens of the corpus {name!r}"
            ],
        )
    task = run.task.model_copy(update={"corpus": corpus.corpus_id})
    return run.model_copy(update={"task": task}), corpus


def _over_budget(
    runs: Mapping[str, PlannedRun], trunks: Mapping[str, PlannedTrunk], budget: Budget
) -> list[str]:
    problems = []
    if len(runs) > budget.runs:
        problems.append(f"budget.runs: {len(runs):,} runs are planned, {budget.runs:,} are allowed")
    flops = sum(job.cost.flops for job in (*runs.values(), *trunks.values()))
    if flops > budget.flops:
        largest = max(runs.values(), key=lambda run: run.cost.flops)
        problems.append(
            f"budget.flops: {flops:.2e} FLOPs are planned, {budget.flops:.2e} are allowed; the "
            f"largest run is {largest.run_id} with {largest.cost.flops:.2e}"
        )
    return problems

"""Plan the runs of all studies: each run once, with the sweeps that want it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from isoloss.config.runs import Run
from isoloss.config.study import Budget, Grid, Study, Trained
from isoloss.errors import UserError, nearest
from isoloss.plan.cost import cost_of
from isoloss.plan.grid import expand
from isoloss.plan.held_out import hold_out
from isoloss.plan.identity import compact, run_id
from isoloss.plan.planned import HeldOut, Plan, PlannedRun, PlannedTrunk
from isoloss.plan.trunks import predecessors, trunk_of
from isoloss.tasks import run_of, task_of
from isoloss.tasks.base import KnownCorpus
from isoloss.tasks.evaluations import octave_steps

MOST_MEMORY = 1e14  # bytes: more than any machine has


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
        Name of the study -> name of the corpus -> the known facts about the corpus.
    budget : Budget
        The largest total cost of all runs.

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
    """The pieces of trunks that runs continue, each once."""
    wanted = {run.trunk.trunk_id: run for run in runs if run.trunk}
    before = predecessors(run.trunk for run in wanted.values())
    planned = {}
    for trunk_id, run in wanted.items():
        done = before[trunk_id].steps if before[trunk_id] else 0
        steps = octave_steps(run.trunk.steps, run_of(run.trunk.settings).training)
        planned[trunk_id] = PlannedTrunk(
            trunk=run.trunk,
            before=before[trunk_id] and before[trunk_id].trunk_id,
            corpus_id=run.corpus_id,
            cost=replace(
                run.cost,
                steps=run.trunk.steps - done,
                evaluations=sum(step > done for step in steps),
            ),
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
            needed = task_of(run).memory_bytes(run, corpus and corpus.vocab_size)
            if needed > MOST_MEMORY:
                problems.append(
                    f"sweeps.{sweep}: model: a run needs {needed:.1e} bytes of memory to be trained"
                    f"; at most {MOST_MEMORY:.0e} are planned for"
                )
                continue
            settings, vocab_size = compact(run), corpus and corpus.vocab_size
            for seed in study.sweeps[sweep].seed_values:
                trunk = trunk_of(run, seed)
                planned = PlannedRun(
                    run_id=run_id(run, seed),
                    settings=settings,
                    seed=seed,
                    corpus_id=corpus and corpus.corpus_id,
                    cost=cost_of(run, vocab_size, begun=trunk.steps if trunk else 0),
                    trunk=trunk,
                )
                found.append((sweep, planned))
    if problems:
        raise UserError("the runs", dict.fromkeys(problems))
    return found


def _with_corpus(run: Run, corpora: Mapping[str, KnownCorpus]) -> tuple[Run, KnownCorpus | None]:
    """The run with its corpus's identity in place of the name, and the corpus."""
    task = task_of(run)
    name = task.corpus_of(run)
    if name is None:
        return run, None
    if name not in corpora:
        allowed = ", ".join(sorted(corpora)) or "none"
        raise UserError(
            "a run",
            [f"task.corpus: unknown corpus {name!r}, there are {allowed}{nearest(name, corpora)}"],
        )
    return task.with_corpus(run, corpora[name]), corpora[name]


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

"""Progress of a workflow: finished and running jobs, and an estimate of the time left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# With less finished than this, the time left is not estimated.
MIN_FINISHED_S = 10.0
MIN_FINISHED_SHARE = 0.02  # of the planned cost of the trainings
TRAINING = ("train", "trunk", "stack")  # the rules whose jobs train
OTHER_JOB_S = 1.0  # the planned cost of a job of a rule without one
# A kind of jobs, trainings or others, is taken to be as fast as all jobs until about this planned
# cost of the kind is finished.
PRIOR_S = 100.0


@dataclass(frozen=True)
class Costs:
    """Planned costs of jobs, in planned core-seconds.

    Attributes
    ----------
    trainings : mapping
        Run, or piece of a trunk, that is to be trained -> its cost.
    after : mapping
        Piece of a trunk -> the cost of what waits for it, one job after the other.
    rules : mapping
        Rule of other jobs -> the cost of one.
    """

    trainings: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, float] = field(default_factory=dict)

    def of(self, rule: str, name: str = "") -> float:
        """The cost of one job."""
        if rule in TRAINING:
            return self.trainings.get(name, 0.0)
        return self.rules.get(rule, OTHER_JOB_S)


@dataclass
class RunningJob:
    """A job that runs."""

    rule: str
    name: str
    planned_core_s: float
    start_s: float


@dataclass
class Finished:
    """The finished jobs of a kind: their planned costs, and the time they took, in seconds."""

    core_s: float = 0.0
    elapsed_s: float = 0.0


@dataclass
class Progress:
    """Counts of jobs, and an estimate of the time left from planned costs and elapsed times.

    Attributes
    ----------
    n_jobs : mapping
        Rule -> how many jobs of it are to be done.
    costs : Costs
        Planned costs of these jobs.
    cores : int
        How many jobs run at a time.
    finished_jobs : dict
        Whether they train -> the finished jobs.
    """

    n_jobs: Mapping[str, int] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    cores: int = 1
    start_s: float | None = None
    running: dict[int, RunningJob] = field(default_factory=dict)
    runs_done: int = 0
    jobs_done: int = 0
    failed: int = 0
    finished_jobs: dict[bool, Finished] = field(
        default_factory=lambda: {True: Finished(), False: Finished()}
    )

    def started(self, jobid: int, rule: str, name: str, now_s: float) -> None:
        """A job has started."""
        if self.start_s is None:
            self.start_s = now_s
        self.running[jobid] = RunningJob(rule, name or rule, self.costs.of(rule, name), now_s)

    def finished(self, jobid: int, now_s: float) -> None:
        """A job has succeeded."""
        self.jobs_done += 1
        job = self.running.pop(jobid, None)
        if job is not None:
            self.runs_done += job.rule == "train"
            done = self.finished_jobs[job.rule in TRAINING]
            done.core_s += job.planned_core_s
            done.elapsed_s += now_s - job.start_s

    def failed_job(self, jobid: int) -> RunningJob | None:
        """A job has failed."""
        self.failed += 1
        return self.running.pop(jobid, None)

    def left_s(self, now_s: float) -> float | None:
        """Seconds that all jobs will still take, or None where it is too early to say.

        Planned costs are scaled by the time that finished jobs took for theirs, trainings and other
        jobs apart. A running job that takes longer than its scaled cost counts as finished.
        """
        planned = {True: sum(self.costs.trainings.values()), False: self._planned_others_s()}
        finished = self.finished_jobs
        elapsed_s = sum(done.elapsed_s for done in finished.values())
        core_s = sum(done.core_s for done in finished.values())
        least_core_s = MIN_FINISHED_SHARE * planned[True]
        if elapsed_s < MIN_FINISHED_S or not core_s or finished[True].core_s < least_core_s:
            return None
        left_s, longest_s = 0.0, 0.0
        for trains, done in finished.items():
            # Measured seconds of a planned one.
            rate = (done.elapsed_s + PRIOR_S * elapsed_s / core_s) / (done.core_s + PRIOR_S)
            running = [job for job in self.running.values() if (job.rule in TRAINING) == trains]
            begun_core_s = sum(job.planned_core_s for job in running)
            left_s += rate * max(0.0, planned[trains] - done.core_s - begun_core_s)
            for job in running:
                rest_s = max(0.0, rate * job.planned_core_s - (now_s - job.start_s))
                left_s += rest_s
                longest_s = max(longest_s, rest_s + rate * self.costs.after.get(job.name, 0.0))
        # No machine is faster than its longest job, and what waits for that.
        return max(left_s / self.cores, longest_s)

    def _planned_others_s(self) -> float:
        others = {rule: n for rule, n in self.n_jobs.items() if rule not in TRAINING}
        return sum(n * self.costs.of(rule) for rule, n in others.items())

    def line(self, now_s: float) -> str:
        """The line of progress, for the terminal."""
        parts = []
        n_runs, n_jobs = self.n_jobs.get("train", 0), sum(self.n_jobs.values())
        if n_runs:
            parts.append(f"{self.runs_done}/{n_runs} runs trained")
        others = self.jobs_done - self.runs_done
        if others and n_jobs > n_runs:
            parts.append(f"{others}/{n_jobs - n_runs} other jobs")
        if self.failed:
            parts.append(f"{self.failed} failed")
        now = shortened([job.name for job in self.running.values()])
        if now:
            parts.append(f"now {now}")
        if self.start_s is not None:
            parts.append(f"{duration(now_s - self.start_s)} gone")
        if self.jobs_done < n_jobs:
            left = self.left_s(now_s)
            parts.append("about " + duration(left) + " left" if left else "time left not known yet")
        return " · ".join(parts)


def shortened(names: Iterable[str], most: int = 2) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def duration(seconds: float) -> str:
    """A duration in seconds as text, in the units that a reader needs.

    >>> duration(8), duration(75), duration(7300)
    ('8 s', '1 min 15 s', '2 h 1 min')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        minutes, rest = divmod(seconds, 60)
        return f"{minutes} min {rest} s"
    hours, rest = divmod(seconds, 3600)
    return f"{hours} h {rest // 60} min"

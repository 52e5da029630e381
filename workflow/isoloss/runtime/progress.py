"""How far the workflow is, what it does now, and how long it will still take."""

from collections.abc import Iterable
from dataclasses import dataclass, field

# Fewer finished seconds than these say nothing about the rest.
ENOUGH_S = 10.0
ENOUGH_SHARE = 0.02
TRAINING = ("train", "trunk")  # the rules whose jobs train


@dataclass
class Job:
    """A job that runs."""

    rule: str
    name: str
    weight: float
    start_s: float


@dataclass
class Progress:
    """Counts of jobs, and an estimate from the planned costs and the times seen so far.

    Attributes
    ----------
    n_runs, n_jobs : int
        Training runs and all jobs that are to be done.
    weight : float
        Planned cost of all training jobs, in planned core-seconds.
    cores : int
    """

    n_runs: int = 0
    n_jobs: int = 0
    weight: float = 0.0
    cores: int = 1
    start_s: float | None = None
    running: dict[int, Job] = field(default_factory=dict)
    runs_done: int = 0
    jobs_done: int = 0
    failed: int = 0
    weight_done: float = 0.0
    spent_s: float = 0.0  # on finished training jobs

    def started(self, jobid: int, rule: str, name: str, weight: float, now_s: float) -> None:
        """A job has started."""
        if self.start_s is None:
            self.start_s = now_s
        self.running[jobid] = Job(rule, name, weight, now_s)

    def finished(self, jobid: int, now_s: float) -> None:
        """A job has succeeded."""
        self.jobs_done += 1
        job = self.running.pop(jobid, None)
        if job is not None and job.rule in TRAINING:
            self.runs_done += job.rule == "train"
            self.weight_done += job.weight
            self.spent_s += now_s - job.start_s

    def failed_job(self, jobid: int) -> Job | None:
        """A job has failed."""
        self.failed += 1
        return self.running.pop(jobid, None)

    def left_s(self, now_s: float) -> float | None:
        """Seconds of training left, or None where it is too early to say.

        Planned costs are scaled by how long finished jobs took for theirs; a running job has at
        least nothing left.
        """
        if self.spent_s < ENOUGH_S or self.weight_done < ENOUGH_SHARE * self.weight:
            return None
        per_weight = self.spent_s / self.weight_done
        training = [job for job in self.running.values() if job.rule in TRAINING]
        waiting = max(0.0, self.weight - self.weight_done - sum(job.weight for job in training))
        rest = [max(0.0, job.weight * per_weight - (now_s - job.start_s)) for job in training]
        # No machine is faster than its longest job.
        return max([(waiting * per_weight + sum(rest)) / self.cores, *rest])

    def line(self, now_s: float) -> str:
        """One line for a person."""
        parts = []
        if self.n_runs:
            parts.append(f"{self.runs_done}/{self.n_runs} runs trained")
        others = self.jobs_done - self.runs_done
        if others and self.n_jobs > self.n_runs:
            parts.append(f"{others}/{self.n_jobs - self.n_runs} other jobs")
        if self.failed:
            parts.append(f"{self.failed} failed")
        now = shortened([job.name for job in self.running.values()])
        if now:
            parts.append(f"now {now}")
        if self.start_s is not None:
            parts.append(f"{duration(now_s - self.start_s)} gone")
        if self.runs_done < self.n_runs:
            left = self.left_s(now_s)
            parts.append("about " + duration(left) + " left" if left else "time left not known yet")
        return " · ".join(parts)


def shortened(names: Iterable[str], most: int = 2) -> str:
    """Some names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def duration(seconds: float) -> str:
    """Seconds for a person, no more precise than they are.

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

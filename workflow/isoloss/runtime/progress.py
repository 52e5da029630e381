"""Progress of a workflow: finished and running jobs, and an estimate of the time left."""

from collections.abc import Iterable
from dataclasses import dataclass, field

# With less finished than this, the time left is not estimated.
MIN_FINISHED_S = 10.0
MIN_FINISHED_SHARE = 0.02  # of the planned cost
TRAINING = ("train", "trunk")  # the rules whose jobs train


@dataclass
class RunningJob:
    """A job that runs."""

    rule: str
    name: str
    planned_core_s: float
    start_s: float


@dataclass
class Progress:
    """Counts of jobs, and an estimate of the time left from planned costs and elapsed times.

    Attributes
    ----------
    n_runs, n_jobs : int
        Training runs and all jobs that are to be done.
    planned_core_s : float
        Planned cost of all training jobs, in planned core-seconds.
    cores : int
        How many jobs run at a time.
    finished_core_s : float
        Planned cost of the finished training jobs, in planned core-seconds.
    finished_s : float
        Time that the finished training jobs took, in seconds.
    """

    n_runs: int = 0
    n_jobs: int = 0
    planned_core_s: float = 0.0
    cores: int = 1
    start_s: float | None = None
    running: dict[int, RunningJob] = field(default_factory=dict)
    runs_done: int = 0
    jobs_done: int = 0
    failed: int = 0
    finished_core_s: float = 0.0
    finished_s: float = 0.0

    def started(
        self, jobid: int, rule: str, name: str, planned_core_s: float, now_s: float
    ) -> None:
        """A job has started."""
        if self.start_s is None:
            self.start_s = now_s
        self.running[jobid] = RunningJob(rule, name, planned_core_s, now_s)

    def finished(self, jobid: int, now_s: float) -> None:
        """A job has succeeded."""
        self.jobs_done += 1
        job = self.running.pop(jobid, None)
        if job is not None and job.rule in TRAINING:
            self.runs_done += job.rule == "train"
            self.finished_core_s += job.planned_core_s
            self.finished_s += now_s - job.start_s

    def failed_job(self, jobid: int) -> RunningJob | None:
        """A job has failed."""
        self.failed += 1
        return self.running.pop(jobid, None)

    def left_s(self, now_s: float) -> float | None:
        """Seconds of training left, or None where it is too early to say.

        Planned costs are scaled by the time that finished jobs took for theirs. A running job that
        takes longer than its scaled cost counts as finished.
        """
        least_core_s = MIN_FINISHED_SHARE * self.planned_core_s
        if self.finished_s < MIN_FINISHED_S or self.finished_core_s < least_core_s:
            return None
        s_per_core_s = self.finished_s / self.finished_core_s
        training = [job for job in self.running.values() if job.rule in TRAINING]
        running_core_s = sum(job.planned_core_s for job in training)
        waiting_core_s = max(0.0, self.planned_core_s - self.finished_core_s - running_core_s)
        rest_s = [
            max(0.0, job.planned_core_s * s_per_core_s - (now_s - job.start_s)) for job in training
        ]
        # No machine is faster than its longest job.
        return max([(waiting_core_s * s_per_core_s + sum(rest_s)) / self.cores, *rest_s])

    def line(self, now_s: float) -> str:
        """The line of progress, for the terminal."""
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

"""What a person sees while the workflow runs."""

import collections
import csv
from pathlib import Path

import pytest

from isoloss.runtime.progress import TRAINING, Costs, Progress, duration, shortened

RECORDED = Path(__file__).with_name("recorded_jobs.csv")
ONE_JOB_S = 10.0  # near the end, a job of so many seconds decides
NO_OTHERS = {"fit": 0.0}


def equal_runs(n, **others):
    """Runs of 10 planned core-seconds each, on two cores, and other jobs."""
    return Progress(
        n_jobs={"train": n} | others,
        costs=Costs({f"run{i}": 10.0 for i in range(n)}, rules=NO_OTHERS),
        cores=2,
    )


def halfway(s_per_core_s):
    """Ten equal runs on two cores, of which four are done and two have begun."""
    progress = equal_runs(10, fit=3)
    each_s = 10.0 * s_per_core_s
    for job in range(4):
        progress.started(job, "train", f"run{job}", (job // 2) * each_s)
        progress.finished(job, (job // 2 + 1) * each_s)
    for job in (4, 5):
        progress.started(job, "train", f"run{job}", 2 * each_s)
    return progress, 2 * each_s


@pytest.mark.parametrize("s_per_core_s", [1.0, 3.0])
def test_the_time_left_is_that_of_the_rest_at_the_speed_seen_so_far(s_per_core_s):
    progress, now_s = halfway(s_per_core_s)
    # Six runs of ten are left, three on each core.
    assert progress.left_s(now_s) == pytest.approx(30.0 * s_per_core_s)


def test_time_passes_for_the_runs_that_have_begun():
    progress, now_s = halfway(1.0)
    assert progress.left_s(now_s + 4.0) == pytest.approx(26.0)


def test_a_run_that_takes_longer_than_planned_has_at_least_nothing_left():
    progress, now_s = halfway(1.0)
    assert progress.left_s(now_s + 100.0) == pytest.approx(20.0)


def test_no_number_of_cores_makes_one_long_run_shorter():
    costs = Costs({"short": 10.0, "long": 100.0}, rules=NO_OTHERS)
    progress = Progress({"train": 2}, costs, cores=64)
    progress.started(0, "train", "short", 0.0)
    progress.finished(0, 20.0)
    progress.started(1, "train", "long", 20.0)
    assert progress.left_s(20.0) == pytest.approx(200.0)


def test_no_number_of_cores_shortens_what_waits_for_a_trunk():
    costs = Costs({"trunk": 40.0, "run": 5.0, "short": 10.0}, after={"trunk": 5.0})
    progress = Progress({"train": 2, "trunk": 1}, costs, cores=64)
    progress.started(0, "train", "short", 0.0)
    progress.started(1, "trunk", "trunk", 0.0)
    progress.finished(0, 10.0)
    assert progress.left_s(10.0) == pytest.approx(35.0)


def test_other_jobs_take_time_at_the_speed_of_all_jobs_until_some_are_done():
    """60 core-seconds of runs and 4 fits of 5 are left, each of which takes twice as long."""
    progress, now_s = halfway(2.0)
    progress.n_jobs, progress.costs = {"train": 10, "fit": 4}, Costs(
        progress.costs.trainings, rules={"fit": 5.0}
    )  # fmt: skip
    assert progress.left_s(now_s) == pytest.approx(2.0 * (60.0 + 4 * 5.0) / 2)


def test_the_time_left_counts_the_jobs_after_the_last_run():
    progress = equal_runs(2, figure=10)
    progress.costs = Costs(progress.costs.trainings, rules={"figure": 2.0})
    for job in range(2):
        progress.started(job, "train", f"run{job}", 0.0)
        progress.finished(job, 10.0)
    assert progress.line(10.0) == "2/2 runs trained · 10 s gone · about 10 s left"


def test_the_time_left_of_a_recorded_study_is_right_from_the_first_minute_on():
    """The default study as it ran on two cores: rule, planned core-seconds, start and end."""
    with RECORDED.open(newline="") as file:
        jobs = [(rule, *map(float, times)) for rule, *times in csv.reader(file)]
    n_jobs = collections.Counter(rule for rule, *_ in jobs)
    trainings = {str(i): job[1] for i, job in enumerate(jobs) if job[0] in TRAINING}
    costs = Costs(trainings, rules={job[0]: job[1] for job in jobs if job[0] not in TRAINING})
    progress = Progress(n_jobs, costs, cores=2)
    end_s = max(job[3] for job in jobs)
    wrong = {}
    # Within a second, jobs of earlier seconds end before the next ones start.
    events = sorted(
        (job[2 + ends], not ends or job[2] == job[3], i, ends)
        for i, job in enumerate(jobs)
        for ends in (0, 1)
    )
    for k, (time_s, _, i, ends) in enumerate(events):
        if ends:
            progress.finished(i, time_s)
        else:
            progress.started(i, jobs[i][0], str(i), time_s)
        last_of_its_second = k + 1 == len(events) or events[k + 1][0] > time_s
        if last_of_its_second and time_s >= 60.0:
            left_s, true_s = progress.left_s(time_s), end_s - time_s
            if abs(left_s - true_s) > max(0.15 * true_s, ONE_JOB_S):
                wrong[time_s] = left_s, true_s
    assert wrong == {}


def test_nothing_is_promised_before_there_is_something_to_go_by():
    progress = equal_runs(10)
    progress.started(0, "train", "run0", 0.0)
    assert progress.left_s(5.0) is None
    assert progress.line(5.0) == "0/10 runs trained · now run0 · 5 s gone · time left not known yet"


def test_the_line_counts_what_is_done_and_what_failed():
    progress, now_s = halfway(1.0)
    progress.failed_job(5)
    progress.started(6, "fit", "sine", now_s)
    progress.finished(6, now_s)
    assert progress.line(now_s) == (
        "4/10 runs trained · 1/3 other jobs · 1 failed · now run4 · 20 s gone · about 30 s left"
    )


def test_many_names_are_counted():
    assert shortened(["a", "b", "c", "d"]) == "a, b and 2 more"
    assert shortened(["a"]) == "a"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (75, "1 min 15 s"), (3599.9, "1 h 0 min"), (7300, "2 h 1 min")],
)
def test_a_duration_is_for_people(seconds, text):
    assert duration(seconds) == text

"""What a person sees while the workflow runs."""

import pytest

from isoloss.runtime.progress import Progress, duration, shortened


def halfway(s_per_core_s):
    """Ten equal runs on two cores, of which four are done and two have begun."""
    progress = Progress(n_runs=10, n_jobs=13, planned_core_s=100.0, cores=2)
    each_s = 10.0 * s_per_core_s
    for job in range(4):
        progress.started(job, "train", f"run{job}", 10.0, (job // 2) * each_s)
        progress.finished(job, (job // 2 + 1) * each_s)
    for job in (4, 5):
        progress.started(job, "train", f"run{job}", 10.0, 2 * each_s)
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
    progress = Progress(n_runs=2, n_jobs=2, planned_core_s=110.0, cores=64)
    progress.started(0, "train", "short", 10.0, 0.0)
    progress.finished(0, 20.0)
    progress.started(1, "train", "long", 100.0, 20.0)
    assert progress.left_s(20.0) == pytest.approx(200.0)


def test_nothing_is_promised_before_there_is_something_to_go_by():
    progress = Progress(n_runs=10, n_jobs=10, planned_core_s=100.0)
    progress.started(0, "train", "run0", 10.0, 0.0)
    assert progress.left_s(5.0) is None
    assert progress.line(5.0) == "0/10 runs trained · now run0 · 5 s gone · time left not known yet"


def test_the_line_counts_what_is_done_and_what_failed():
    progress, now_s = halfway(1.0)
    progress.failed_job(5)
    progress.started(6, "fit", "sine", 0.0, now_s)
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

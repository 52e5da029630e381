"""A dry run is readable: a few jobs of each rule, their reasons, and how many others there are."""

import logging

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_isoloss.dry_run import Plan, shortened


def record(event, **facts):
    made = logging.makeLogRecord({"msg": "", "event": event})
    vars(made).update(facts)
    return made


def job(rule, message, reason):
    return record(LogEvent.JOB_INFO, rule_name=rule, rule_msg=message, reason=reason)


def test_three_jobs_of_a_rule_are_shown_and_the_others_counted():
    plan = Plan()
    assert plan.text(record(LogEvent.RUN_INFO)) is None  # the table of all jobs stands above
    said = [plan.text(job("train", f"Training r{i}", "Missing output files: a")) for i in range(9)]
    assert said[:3] == [f"Training r{i}\n    Missing output files: a\n" for i in range(3)]
    assert said[3:] == [""] * 6
    assert plan.text(job("report", None, "Forced execution")) == "report\n    Forced execution\n"
    assert plan.text(record(LogEvent.SHELLCMD)) == ""
    assert plan.text(record(LogEvent.RUN_INFO)) == "and 6 of train (all: snakemake -n -p)\n"
    assert plan.text(record(LogEvent.ERROR)) is None


def test_a_reason_names_two_files_of_each_kind():
    said = "Missing output files: a, b; Updated input files: c, d, e, f; Code has changed"
    assert shortened(said) == (
        "Missing output files: a, b; Updated input files: c, d and 2 more; Code has changed"
    )

# The checked config, the plan, and what all rules share.
import subprocess

from snakemake.logging import logger

from isoloss.runtime.disk import nearly_full
from isoloss.files import write_json
from isoloss.runtime.job import UNFINISHED
from isoloss.pipeline import records

RESULTS, FIGURES = ISOLOSS.config.results, ISOLOSS.config.figures
isoloss.pipeline.set_environment(workflow.basedir, ISOLOSS.config.device)
# What a command that the report prints must say after its target.
CONFIG_OPTIONS = shlex.join(
    ["--configfile"] * bool(workflow.overwrite_configfiles)
    + [os.path.relpath(path) for path in workflow.overwrite_configfiles]
)


wildcard_constraints:
    run_id=r"[A-Za-z0-9._-]+",
    corpus_id=r"[A-Za-z0-9._-]+",
    study=r"[A-Za-z0-9_-]+",
    name=r"[A-Za-z0-9_-]+",


# One warm process serves all jobs that run on this machine: see workflow/isoloss/runtime/worker_pool.py.
WARM = []


def say_what_other_code_trained():
    """A change of the training code is said, and nothing is trained again unasked."""
    stale = ISOLOSS.trained_by_other_code()
    if stale:
        logger.warning(
            f"{len(stale)} of {len(ISOLOSS.plan.runs)} runs were trained by other code than the"
            " present. They are kept, and marked in the report; `isoloss retrain` sets them aside,"
            " and the next `snakemake` trains them again."
        )


if workflow.is_main_process:
    say_what_other_code_trained()
    killed = not workflow.output_settings.dryrun and folder_lock.arrive(".snakemake")
    if killed:
        logger.warning(
            f"The last snakemake here was killed: {killed}. Going on from what is whole."
        )


def write_unfinished_report():
    """After a failure, say in the report what is missing. Marked as incomplete, it is written again."""
    waiting = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "report"]
    if not (waiting and workflow.scheduler.failed):
        return
    failed = [
        (" ".join([job.rule.name, *map(str, job.wildcards)]), str(job.log))
        for job in workflow.scheduler.failed
    ]
    missing = [str(path) for job in workflow.dag.needrun_jobs() for path in job.output]
    said = f"{RESULTS}/logs/unfinished.json"
    write_json(said, {"failed": sorted(failed), "missing": sorted(missing)})
    workflow.persistence.started(waiting[0])
    environment = os.environ | {UNFINISHED: said}
    subprocess.run(["bash", "-c", waiting[0].shellcmd], env=environment)


def mark_what_is_not_made_yet():
    """What a waiting job made before counts as incomplete until the job has ended well.

    Snakemake 9.27 records what a job read also if the job fails, and removes what it made. Were what
    is made from that not marked, the next command would find nothing to do. Done at the start, it
    holds however this process ends. A training is left out: its files are whole, or not there.
    """
    for job in workflow.dag.needrun_jobs() if workflow.is_main_process else ():
        if job.rule.name not in ("corpus", "trunk", "train"):
            workflow.persistence.started(job)


def let_the_scheduler_rest():
    """Without a limit of jobs a second, which only matters where they are submitted.

    For its sake Snakemake 9.27 starts a timer at each look for ready jobs, that makes it look again
    after a second, and so on without end: after hundreds of jobs it does nothing else.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


onstart:
    let_the_scheduler_rest()
    mark_what_is_not_made_yet()
    if workflow.is_main_process:
        folder_lock.hold(".snakemake")
        WARM.append(worker_pool.start())
    logger.info(None, extra={"isoloss_planned_core_s": ISOLOSS.untrained_core_s()})


def remove_what_killed_jobs_left():
    """The parts of files that they were writing."""
    for folder in (RESULTS, FIGURES) if workflow.is_main_process else ():
        for partial in Path(folder).rglob(".*.partial"):
            partial.unlink(missing_ok=True)


onsuccess:
    tidy_up()
    remove_what_killed_jobs_left()
    for process in filter(None, WARM):
        process.stop()


onerror:
    for said in filter(None, map(nearly_full, (RESULTS, FIGURES))):
        logger.error(said)
    tidy_up()
    write_unfinished_report()
    for process in filter(None, WARM):
        process.stop()

# The checked config, the plan, and what all rules share.
import subprocess

from snakemake.logging import logger

from isoloss.disk import nearly_full
from isoloss.files import write_json
from isoloss.job import UNFINISHED

try:
    ISOLOSS = isoloss.workflow.load(config, os.curdir)
except UserError as error:
    raise WorkflowError(str(error)) from None

RESULTS, FIGURES = ISOLOSS.config.results, ISOLOSS.config.figures
isoloss.workflow.set_environment(workflow.basedir, ISOLOSS.config.device)
# What a command that the report prints must say beside its target.
CONFIG_OPTIONS = shlex.join(
    word
    for path in workflow.overwrite_configfiles
    for word in ("--configfile", os.path.relpath(path))
)


wildcard_constraints:
    run_id=r"[A-Za-z0-9._-]+",
    corpus_id=r"[A-Za-z0-9._-]+",
    study=r"[A-Za-z0-9_-]+",
    name=r"[A-Za-z0-9_-]+",


# One warm process serves all jobs that run on this machine: see workflow/isoloss/warm.py.
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
    killed = not workflow.output_settings.dryrun and holder.arrive(".snakemake")
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


def let_the_scheduler_rest():
    """Without a limit of jobs a second, which only matters where they are submitted.

    For its sake Snakemake 9.27 starts a timer at each look for ready jobs, that makes it look again
    after a second, and so on without end: after hundreds of jobs it does nothing else.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


onstart:
    let_the_scheduler_rest()
    if workflow.is_main_process:
        holder.hold(".snakemake")
        WARM.append(warm.start())
    logger.info(None, extra={"isoloss_planned_core_s": ISOLOSS.untrained_core_s()})


def remove_what_killed_jobs_left():
    """The parts of files that they were writing."""
    for folder in (RESULTS, FIGURES) if workflow.is_main_process else ():
        for partial in Path(folder).rglob(".*.partial"):
            partial.unlink(missing_ok=True)


def forget_how_trunks_were_made():
    """The name of a trunk says all of it. Which shorter one it went on from makes no run stale."""
    for job in workflow.dag.jobs if workflow.is_main_process else ():
        for path in job.output if job.rule.name == "trunk" else ():
            workflow.persistence.cleanup_metadata(path)


onsuccess:
    tidy_up()
    forget_how_trunks_were_made()
    remove_what_killed_jobs_left()
    for process in filter(None, WARM):
        process.stop()


onerror:
    for said in filter(None, map(nearly_full, (RESULTS, FIGURES))):
        logger.error(said)
    tidy_up()
    forget_how_trunks_were_made()
    write_unfinished_report()
    for process in filter(None, WARM):
        process.stop()

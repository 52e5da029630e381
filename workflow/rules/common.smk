# The checked config, the plan, and what all rules share.
import inspect
import subprocess

from snakemake.logging import logger

from isoloss.files import write_json
from isoloss.native import build as kernel
from isoloss.pipeline import provenance, published
from isoloss.pipeline import storage as object_storage
from isoloss.pipeline.ending import ending
from isoloss.pipeline.jobs import OTHER_CODE, OTHER_KERNEL
from isoloss.pipeline.snakemake_internals import FileRecords
from isoloss.runtime.disk import nearly_full
from isoloss.runtime.fingerprint import source_fingerprint
from isoloss.runtime.job import UNFINISHED, WORKFLOW

RESULTS, FIGURES = ISOLOSS.config.results, ISOLOSS.config.figures
# Files of the project's own: code of every job that may use a task or a law of theirs.
EXTENSIONS = local(list(ISOLOSS.config.extensions))
isoloss.pipeline.set_environment(
    HERE, ISOLOSS.config.device, ISOLOSS.config.kernel, EXTENSIONS
)
# What a command that the report prints must say after its target.
CONFIG_OPTIONS = shlex.join(
    ["--configfile"] * bool(SNAKEMAKE.config_files)
    + [os.path.relpath(path) for path in SNAKEMAKE.config_files]
)


if SNAKEMAKE.has_storage and not SNAKEMAKE.is_dry_run:
    try:
        for folder in (RESULTS, FIGURES):
            object_storage.link(folder, SNAKEMAKE.stored(folder).local_path())
    except UserError as error:
        raise WorkflowError(str(error)) from None


wildcard_constraints:
    run_id=r"[A-Za-z0-9._-]+",
    stack_id=r"[A-Za-z0-9._-]+",
    corpus_id=r"[A-Za-z0-9._-]+",
    study=r"[A-Za-z0-9_-]+",
    name=r"[A-Za-z0-9_-]+",


def code_of(*modules):
    """What a rule's code is, for its `params`: comments, places and times of files aside."""
    return source_fingerprint(*modules)


def tables_of(study):
    """What the tables of a study are made from; a user's own table is in no storage."""
    paths = ISOLOSS.inputs(study)
    return [path if path.startswith(f"{RESULTS}/") else local(path) for path in paths]


def quick(function):
    """A function of a job, for a rule of which there may be thousands.

    Snakemake asks several times a job which arguments a function takes. Python works that out each
    time, unless the function says so itself.
    """
    function.__signature__ = inspect.signature(function)
    return function


def fetched(paths):
    """The same paths, after local copies were made of those that the storage has."""
    if SNAKEMAKE.has_storage and not SNAKEMAKE.is_dry_run:
        for path in (path for path in paths if not os.path.exists(path)):
            object_storage.fetch(SNAKEMAKE.stored(path))
    return paths


# How long a command that only looks at the folder may hold its lock.
LOOKING_S = 5.0
# Ready jobs among which the next is chosen: many more than there are cores.
FIRST_JOBS = max(100, 4 * (os.cpu_count() or 1))
# The worker pool of this process, once it is started: see workflow/isoloss/runtime/worker_pool.py.
POOLS = []


def start_pool():
    """Start the worker pool, if this machine can have one; other jobs end with this process, too."""
    os.environ[WORKFLOW] = str(os.getpid())
    POOLS.extend(filter(None, [worker_pool.start()]))


def stop_pool():
    """Stop the worker pool; the jobs that it still runs are told to end."""
    for pool in POOLS:
        pool.stop()


def warn_of_runs_by_other_code():
    """Say which runs were not trained as they would be now. None is retrained without a command."""
    other = list(ISOLOSS.trained_by_other_code().values())
    for what, said, marked in (
        (OTHER_CODE, "other code than the present", "marked in the report"),
        (
            OTHER_KERNEL,
            "another kernel than would train them now",
            "marked in the report where it has both kernels",
        ),
    ):
        if what in other:
            logger.warning(
                f"{other.count(what)} of {len(ISOLOSS.plan.runs)} runs were trained by {said}."
                f" They are kept, and {marked}; `isoloss retrain` sets them aside, and the next"
                " `snakemake` trains them again."
            )


def restore_records():
    """Take the records of how results were made from beside them, where .snakemake lacks them."""
    made = os.path.exists(f"{RESULTS}/complete.json")
    bare = made and not any(Path(".snakemake").glob("metadata/*"))
    restored = 0
    if os.path.exists(f"{RESULTS}/{provenance.FILE}") and not SNAKEMAKE.has_storage:
        try:
            restored = provenance.restore(RESULTS, FileRecords(), Path())
        except UserError as error:
            logger.warning(f"{error}\nThe next job writes it again.")
    if bare and not restored:
        logger.warning(
            "Nothing here records how these results were made, because .snakemake was not copied."
            " No finished run is trained again. What is older than its inputs is made again;"
            " `snakemake --touch` takes all of it as it is."
        )


def save_records():
    """Write the records of how results were made beside them, for copies without .snakemake."""
    if not SNAKEMAKE.is_main_process or SNAKEMAKE.has_storage:
        return
    try:
        provenance.save(RESULTS, SNAKEMAKE.records(without=NEVER_STALE), Path())
    except UserError as error:
        logger.warning(str(error))


def warn_of_no_kernel():
    """Say once that PyTorch trains what the kernel would, and why."""
    asked = ISOLOSS.config.device == "cpu" and ISOLOSS.config.kernel == "auto"
    if asked and ISOLOSS.plan.runs and kernel.library() is None:
        logger.warning(
            f"There is no kernel for small models ({kernel.why_not()}). PyTorch trains"
            " them, several times as long."
        )


def take_whole_trunks():
    """Count trunks whose file is there as finished, if Snakemake was killed before it saw their end.

    Snakemake 9.27 would train such a trunk again and pass over all that waits for it, because its
    runs take it as `ancient`; the command would end well without them. A trunk is whole, or not there.
    """
    if not SNAKEMAKE.has_storage:
        FileRecords().count_as_whole(
            [ISOLOSS.trunk_file(i) for i in ISOLOSS.plan.trunks]
        )


def record_predictions():
    """Record predictions of a version without records, before Snakemake may remove them."""
    try:
        ISOLOSS.record_predictions()
    except UserError as error:
        logger.warning(str(error))


def restore_published():
    """Write the files of published runs, before Snakemake looks which runs are there."""
    if not ISOLOSS.published:
        return
    if SNAKEMAKE.has_storage:
        raise WorkflowError(
            "published: runs cannot be restored where results are in object storage."
            f" Train them: {published.LEAVE_OUT}"
        )
    try:
        number = published.restore_runs(ISOLOSS)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    if number:
        logger.info(f"Restored {number} published runs: none of them is trained.")


def lock_folder(wait_s=0.0):
    """Take the lock of this folder, and say whether the last holder was killed."""
    killed = folder_lock.acquire(".snakemake", wait_s)
    if killed:
        logger.warning(
            f"The last snakemake here was killed: {killed}. Going on from what is whole."
        )


# Set once a report is written that says what is missing.
UNFINISHED_REPORT = []
# Rules whose results are found by their names, and need no record.
NEVER_STALE = ("corpus", "trunk", "train", "stack")


def last_lines():
    """What the command says at its end: nothing, unless the report was asked for and is there."""
    return ending(RESULTS) if UNFINISHED_REPORT or SNAKEMAKE.has_made("report") else []


if SNAKEMAKE.is_main_process:
    logger.info(None, extra={"isoloss_last_lines": last_lines})
    warn_of_runs_by_other_code()
    for said in published.warnings(ISOLOSS):
        logger.warning(said)
    if SNAKEMAKE.is_dry_run:
        restore_records()
    else:
        try:
            lock_folder()
            restore_records()
            take_whole_trunks()
            record_predictions()
            restore_published()
            warn_of_no_kernel()
        except BlockingIOError:
            pass  # a command that only looks, like --summary, may go on; `onstart` refuses others


def write_unfinished_report():
    """After a failure, write a report that says what is missing. The next command writes it again."""
    unfinished = list(SNAKEMAKE.unfinished_jobs())
    waiting = [job for job in unfinished if job.rule.name == "report"]
    if not (waiting and SNAKEMAKE.failed_jobs()):
        return
    failed = [
        (" ".join([job.rule.name, *map(str, job.wildcards)]), str(job.log))
        for job in SNAKEMAKE.failed_jobs()
    ]
    missing = [str(path) for job in unfinished for path in job.output]
    path = f"{RESULTS}/logs/unfinished.json"
    write_json(path, {"failed": sorted(failed), "missing": sorted(missing)})
    SNAKEMAKE.mark_incomplete(waiting[0])
    environment = os.environ | {UNFINISHED: path}
    subprocess.run(["bash", "-c", waiting[0].shellcmd], env=environment)
    UNFINISHED_REPORT.append(waiting[0])


def mark_outputs_of_unfinished_jobs():
    """Count the outputs of a waiting job as incomplete until the job has ended well.

    Snakemake 9.27 records what a job read also if the job fails, and removes its outputs. Without
    the mark, the next command would find nothing to do. The mark is set at the start, so it holds
    however this process ends. A training needs none: its files are whole, or not there.
    """
    for job in SNAKEMAKE.unfinished_jobs() if SNAKEMAKE.is_main_process else ():
        if job.rule.name not in NEVER_STALE:
            SNAKEMAKE.mark_incomplete(job)


onstart:
    if SNAKEMAKE.is_main_process:
        try:
            lock_folder(wait_s=LOOKING_S)
        except BlockingIOError:
            raise WorkflowError(folder_lock.locked_message(".snakemake")) from None
    SNAKEMAKE.disable_rate_limit()
    SNAKEMAKE.look_at_first(FIRST_JOBS)
    mark_outputs_of_unfinished_jobs()
    if SNAKEMAKE.is_main_process:
        folder_lock.record_holder(".snakemake")
        for stored in SNAKEMAKE.finished_in_storage():
            object_storage.fetch(stored)
        start_pool()
    logger.info(None, extra={"isoloss_costs": ISOLOSS.costs()})


def remove_partial_files():
    """Remove what killed jobs were writing."""
    for folder in (RESULTS, FIGURES) if SNAKEMAKE.is_main_process else ():
        for partial in Path(folder).rglob(".*.partial"):
            partial.unlink(missing_ok=True)


onsuccess:
    save_records()
    remove_group_checkpoints()
    remove_stacks()
    remove_partial_files()
    stop_pool()


onerror:
    for warning in filter(None, map(nearly_full, (RESULTS, FIGURES))):
        logger.error(warning)
    save_records()
    remove_group_checkpoints()
    remove_stacks()
    write_unfinished_report()
    stop_pool()

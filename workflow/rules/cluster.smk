# Where jobs are submitted: what runs where, in which allocation, and with how much of it.
import functools
from pathlib import Path

from isoloss.pipeline import cluster
from isoloss.pipeline.stacks import remove_taken
from isoloss.pipeline.storage import StoredCheckpoints


# These run where Snakemake does: all but the training takes seconds, and a corpus may need the internet.
localrules:
    all,
    corpus,
    plan,
    collect,
    losses,
    complete,
    predict,
    fit,
    fits,
    audit,
    analyse,
    analyses,
    figure,
    figures,
    report,


if SNAKEMAKE.is_submitted:
    # The submitting Snakemake and its worker pool are on another machine, or should be.
    os.environ.pop(worker_pool.POOL_SOCKET, None)
    os.environ.pop(WORKFLOW, None)


@functools.cache
def prepare_allocation():
    """Before the first job in an allocation, set Snakemake up for it; elsewhere do nothing.

    Input functions call it: earlier, Snakemake has not read its own settings.
    """
    if not SNAKEMAKE.is_submitted:
        return
    if cluster.prepare_allocation(SNAKEMAKE):
        start_pool()
    if SNAKEMAKE.has_storage:
        keep_checkpoints()


def keep_checkpoints():
    """Keep the checkpoints of the jobs of this allocation in the storage of the results."""
    checkpoints, is_done = {}, {}
    for job_id in SNAKEMAKE.requested_jobs:
        path = Path(RESULTS) / "checkpoints" / f"{job_id}.safetensors"
        checkpoints[path] = SNAKEMAKE.stored(str(path), own_connection=True)
        *_, last = ISOLOSS.files_of(job_id)
        is_done[path] = SNAKEMAKE.stored(last, own_connection=True).exists
    StoredCheckpoints(checkpoints, is_done, logger.warning).start()


def remove_group_checkpoints():
    """Remove the checkpoints of finished trainings, at the end of what was submitted."""
    if not SNAKEMAKE.runs_jobs_itself:
        cluster.remove_last_states(Path(RESULTS))


def remove_stacks():
    """Remove what stacks have left, where each job has taken its part."""
    if SNAKEMAKE.is_main_process:
        remove_taken(Path(RESULTS))


def inputs_of(job_id):
    """The corpus, the trunk and the prediction that a training waits for.

    Snakemake asks for them before it compares a job with its record. A run's name says all that can
    change its result: which piece of a trunk it goes on from, and whether a prediction had to be
    there first, depends on the other runs of its study. So the record of its inputs is removed.
    """
    prepare_allocation()
    if SNAKEMAKE.is_main_process:
        SNAKEMAKE.forget_inputs(ISOLOSS.files_of(job_id))
    inputs = ISOLOSS.inputs_of(job_id)
    if not SNAKEMAKE.has_storage:
        return inputs
    # Where nothing is shared, a job has no other files than its inputs.
    names = "train.npy", "heldout.npy", *MORE_OF_A_CORPUS.values()
    folders = [
        os.path.dirname(path)
        for path in inputs
        if os.path.basename(path) == "card.json"
    ]
    return inputs + [f"{folder}/{name}" for folder in folders for name in names]


def inputs_of_stack(stack_id):
    """All that the jobs of a stack wait for; the record of it is removed, as of a training's."""
    prepare_allocation()
    if SNAKEMAKE.is_main_process:
        SNAKEMAKE.forget_inputs([ISOLOSS.stack_file(stack_id)])
    return ISOLOSS.inputs_of_stack(stack_id)


def stack_of(job_id):
    """What the stack of a training leaves; none for one that is alone, and without shared files."""
    return [] if SNAKEMAKE.has_storage else ISOLOSS.stack_of(job_id)


def trunk_among(inputs):
    """The checkpoint of a trunk among the inputs of a training; "" for one that has none."""
    return " ".join(path for path in inputs if path.endswith(ISOLOSS.TRUNK_SUFFIX))


# Runs of seconds share an allocation.
GROUPS = cluster.Groups(ISOLOSS.plan, ISOLOSS.config.device, ISOLOSS.stacks)


def group_of(job_id):
    """The group of a training; None where nothing is grouped."""
    return GROUPS.of(job_id, SNAKEMAKE.group_components)


def mem_mb(job_id, attempt):
    """The memory of a training; more if it is tried again."""
    return attempt * ISOLOSS.resources(job_id).mem_mb


def runtime_min(job_id, attempt):
    """The time of a training; more if it is tried again."""
    known = SNAKEMAKE.group_components
    return attempt * GROUPS.runtime_min(job_id, ISOLOSS.resources(job_id), known)

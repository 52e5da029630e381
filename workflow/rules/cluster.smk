# Where jobs are submitted: what runs where, in which allocation, and with how much of it.
import functools
from pathlib import Path

from isoloss.pipeline import cluster


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
    figure,
    figures,
    report,


if workflow.remote_exec:
    # That of the submitting Snakemake is on another machine, or should be.
    os.environ.pop(worker_pool.WARM_SOCKET, None)


@functools.cache
def prepare_allocation():
    """Before the first job that a cluster has been given; elsewhere nothing.

    It is called by input functions: earlier, Snakemake has not read its own settings.
    """
    if workflow.remote_exec and cluster.within_an_allocation(workflow):
        WARM.append(worker_pool.start())


def tidy_up():
    """At the end of what was submitted to a cluster."""
    if not workflow.local_exec:
        cluster.remove_last_states(Path(RESULTS))


def corpus_of(job_id):
    """The corpus that a training waits for.

    Snakemake asks for it before it compares a job with what was recorded of it.
    """
    prepare_allocation()
    if workflow.is_main_process:
        records.forget_inputs(workflow.persistence, ISOLOSS.files_of(job_id))
    return ISOLOSS.corpus_of(job_id)


# Runs of seconds share an allocation.
GROUPS = cluster.Groups(ISOLOSS.plan, ISOLOSS.config.device)


def group_of(job_id):
    """The group of a training; None where nothing is grouped."""
    return GROUPS.of(job_id, workflow.group_settings.group_components)


def mem_mb(job_id, attempt):
    """The memory of a training; more if it is tried again."""
    return attempt * ISOLOSS.resources(job_id).mem_mb


def runtime_min(job_id, attempt):
    """The time of a training; more if it is tried again."""
    known = workflow.group_settings.group_components
    return attempt * GROUPS.runtime_min(job_id, ISOLOSS.resources(job_id), known)

# The checked config, the plan, and what all rules share.
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# A rule's `python` is this one, and it finds the package wherever it is installed.
os.environ["PATH"] = os.pathsep.join(
    [os.path.dirname(sys.executable), os.environ["PATH"]]
)
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [f"{workflow.basedir}/workflow", os.environ.get("PYTHONPATH")])
)

try:
    ISOLOSS = isoloss.workflow.load(config, os.curdir)
except UserError as error:
    raise WorkflowError(str(error)) from None

RESULTS, FIGURES, DEVICE = (
    ISOLOSS.config.results,
    ISOLOSS.config.figures,
    ISOLOSS.config.device,
)
os.environ.setdefault(COMMIT, isoloss.workflow.commit(workflow.basedir) or "")


wildcard_constraints:
    run_id=r"[A-Za-z0-9._-]+",
    corpus_id=r"[A-Za-z0-9._-]+",
    study=r"[A-Za-z0-9_-]+",
    name=r"[A-Za-z0-9_-]+",


# One warm process serves all jobs that run on this machine: see workflow/isoloss/warm.py.
WARM = []


onstart:
    if workflow.local_exec:
        WARM.append(warm.start())
    logger.info(None, extra={"isoloss_planned_core_s": ISOLOSS.untrained_core_s()})


onsuccess:
    for process in filter(None, WARM):
        process.stop()


onerror:
    for process in filter(None, WARM):
        process.stop()

"""isoloss: scaling laws, measured. From config/config.yaml to results/report.html."""

import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")

sys.path.insert(0, f"{workflow.basedir}/workflow")

import isoloss

# The plugin of the profile may have imported it before this file could say from where.
if Path(workflow.basedir).resolve() not in Path(isoloss.__file__).resolve().parents:
    raise WorkflowError(
        f"This is the workflow of {workflow.basedir}, but Python finds the isoloss of another"
        f" folder, {Path(isoloss.__file__).parents[2]}. Give this one an environment of its own"
        " (`make setup`, then .venv/bin/snakemake), or put its code first:"
        f" export PYTHONPATH={shlex.quote(os.path.join(workflow.basedir, 'workflow'))}"
    )

import isoloss.pipeline
from isoloss.errors import UserError
from isoloss.runtime import folder_lock, worker_pool
from isoloss.runtime.fingerprint import sources

try:
    # Before Snakemake reads config.yaml for its own report: it would run Python that is in one.
    ISOLOSS = isoloss.pipeline.read_project(
        os.curdir, workflow.overwrite_configfiles, workflow.config_settings.config
    )
except UserError as error:
    raise WorkflowError(str(error)) from None


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


rule all:
    input:
        f"{RESULTS}/report.html",
        f"{RESULTS}/complete.json",
        f"{RESULTS}/losses.parquet",
        f"{RESULTS}/fits.parquet",
        [path for study in ISOLOSS.studies for path in ISOLOSS.made(study)],


include: "workflow/rules/corpus.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"

"""isoloss: scaling laws, measured. From config/config.yaml to results/report.html."""

import os
import shlex
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")

sys.path.insert(0, f"{workflow.basedir}/workflow")

import isoloss.workflow
from isoloss import holder, limits, warm
from isoloss.code import sources
from isoloss.errors import UserError

try:
    limits.check_files(["config/config.yaml", *workflow.overwrite_configfiles])
except UserError as error:
    raise WorkflowError(str(error)) from None


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


rule all:
    input:
        f"{RESULTS}/report.html",
        f"{RESULTS}/complete.json",


include: "workflow/rules/corpus.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"

"""isoloss: scaling laws, measured. From config/config.yaml to results/report.html."""

import os
import shlex
import sys

from snakemake.utils import min_version

min_version("9.27")

sys.path.insert(0, f"{workflow.basedir}/workflow")

import isoloss.workflow
from isoloss import warm
from isoloss.code import sources
from isoloss.errors import UserError


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


rule all:
    input:
        f"{RESULTS}/report.html",


include: "workflow/rules/corpus.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"

# The workflow is workflow/Snakefile. This file is for `snakemake` in the project's folder.
include: "workflow/Snakefile"


# Snakemake takes its default target from the file that it was given, not from one that it includes.
rule default:
    default_target: True
    input:
        lambda wildcards: ISOLOSS.everything(),
    localrule: True

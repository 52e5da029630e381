# The targets: everything, or a part.


rule report:
    input:
        losses=f"{RESULTS}/losses.parquet",
        fits=f"{RESULTS}/fits.parquet",
        figures=ISOLOSS.figures(),
        code=sources("isoloss.report.job"),
    output:
        report(
            f"{RESULTS}/report.html",
            category="report",
            caption="../report/workflow.rst",
        ),
    log:
        f"{RESULTS}/logs/report.log",
    params:
        texts=ISOLOSS.texts(),
    message:
        "Writing the report"
    shell:
        "python -m isoloss.job report --texts {params.texts:q} --results {RESULTS}"
        " --figures {FIGURES} --out {output} > {log} 2>&1"


rule all:
    default_target: True
    input:
        rules.report.output,


rule figures:
    input:
        ISOLOSS.figures(),


# One study: its figures and what they are made from.
for study in ISOLOSS.studies:

    rule:
        name:
            f"study_{study}"
        input:
            ISOLOSS.study(study, "fits.parquet"),
            ISOLOSS.figures(study),

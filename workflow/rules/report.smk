# The report, and targets that are a part of everything.


rule report:
    input:
        losses=f"{RESULTS}/losses.parquet",
        fits=f"{RESULTS}/fits.parquet",
        analyses=[
            path for study in ISOLOSS.studies for path in ISOLOSS.analyses_of(study)
        ],
        figures=ISOLOSS.figures(),
        audit=[path for path in [f"{RESULTS}/audit.json"] if os.path.exists(path)],
        extensions=EXTENSIONS,
    output:
        html=report(
            f"{RESULTS}/report.html",
            category="report",
            caption="../report/workflow.rst",
        ),
        findings=f"{RESULTS}/findings.json",
        allocation=f"{FIGURES}/allocation.csv",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        report_code=code_of("isoloss.jobs.report"),
        # As functions: Snakemake would take braces in a text for wildcards.
        texts=lambda wildcards: ISOLOSS.texts(),
        # Runs that other code trained are marked in the report.
        code=ISOLOSS.training_code(),
        options=lambda wildcards: CONFIG_OPTIONS,
        results=lambda wildcards: RESULTS,
        figures=lambda wildcards: FIGURES,
    message:
        "Writing the report"
    shell:
        "python -m isoloss.runtime.job report --texts {params.texts:q} --code {params.code:q}"
        " --options={params.options:q} --results {params.results} --figures {params.figures}"
        " --allocation {output.allocation} --findings {output.findings} --out {output.html}"
        " > {log} 2>&1"


rule figures:
    input:
        lambda wildcards: ISOLOSS.drawn(),


# One study: its figures and what they are made from.
for study in ISOLOSS.studies:

    rule:
        name:
            f"study_{study}"
        input:
            lambda wildcards, study=study: ISOLOSS.of_study(study),

# The report, and targets that are a part of everything.
import subprocess

from isoloss.files import write_json
from isoloss.job import UNFINISHED


rule report:
    input:
        losses=f"{RESULTS}/losses.parquet",
        fits=f"{RESULTS}/fits.parquet",
        analyses=[
            path for study in ISOLOSS.studies for path in ISOLOSS.analyses_of(study)
        ],
        figures=ISOLOSS.figures(),
        audit=[path for path in [f"{RESULTS}/audit.json"] if os.path.exists(path)],
        code=sources("isoloss.report.job"),
    output:
        report(
            f"{RESULTS}/report.html",
            category="report",
            caption="../report/workflow.rst",
        ),
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../envs/isoloss.yaml"
    params:
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
        "python -m isoloss.job report --texts {params.texts:q} --code {params.code:q}"
        " --options={params.options:q} --results {params.results} --figures {params.figures} --out {output}"
        " > {log} 2>&1"


def write_unfinished_report():
    """After a failure, say in the report what is missing. Marked as incomplete, it is written again."""
    waiting = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "report"]
    if not (waiting and workflow.scheduler.failed):
        return
    failed = [
        (" ".join([job.rule.name, *map(str, job.wildcards)]), str(job.log))
        for job in workflow.scheduler.failed
    ]
    missing = [str(path) for job in workflow.dag.needrun_jobs() for path in job.output]
    said = f"{RESULTS}/logs/unfinished.json"
    write_json(said, {"failed": sorted(failed), "missing": sorted(missing)})
    workflow.persistence.started(waiting[0])
    environment = os.environ | {UNFINISHED: said}
    subprocess.run(["bash", "-c", waiting[0].shellcmd], env=environment)


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
            ISOLOSS.analyses_of(study),
            ISOLOSS.figures(study),

# The laws of each study, fitted, and of all studies in one table; published fits made again.


rule fit:
    input:
        runs=f"{RESULTS}/studies/{{study}}/runs.parquet",
        extensions=EXTENSIONS,
    output:
        f"{RESULTS}/studies/{{study}}/fits.parquet",
    log:
        f"{RESULTS}/logs/fit/{{study}}.log",
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_of("isoloss.jobs.fit"),
        fits=lambda wildcards: ISOLOSS.fits(wildcards.study),
    message:
        "Fitting the laws of {wildcards.study}"
    shell:
        "python -m isoloss.runtime.job fit --study {wildcards.study} --fits {params.fits:q}"
        " --runs {input.runs} --out {output} > {log} 2>&1"


rule predict:
    input:
        rows=lambda wildcards: ISOLOSS.fitted_rows(wildcards.study),
        extensions=EXTENSIONS,
    output:
        f"{RESULTS}/studies/{{study}}/prediction.parquet",
    log:
        f"{RESULTS}/logs/predict/{{study}}.log",
    # A long run waits for it.
    priority: 10**9
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_of("isoloss.jobs.predict"),
        # It names all runs that are fitted, and may be longer than an argument may be.
        prediction=lambda wildcards: ISOLOSS.argument(
            ISOLOSS.prediction(wildcards.study), write=not SNAKEMAKE.is_dry_run
        ),
        runs=lambda wildcards: f"{RESULTS}/runs",
        # No input: it is written before they are there.
        tests=lambda wildcards: fetched(ISOLOSS.testing_rows(wildcards.study)),
        # No output: Snakemake removes what a job will write again, and a record is kept.
        records=lambda wildcards: ISOLOSS.predictions,
    message:
        "Predicting the largest run of {wildcards.study}"
    shell:
        "python -m isoloss.runtime.job predict --study {wildcards.study}"
        " --prediction {params.prediction:q} --runs-folder {params.runs}"
        " --tests {params.tests} --records {params.records} --out {output} > {log} 2>&1"


rule fits:
    input:
        fits=[ISOLOSS.study(study, "fits.parquet") for study in ISOLOSS.studies],
    output:
        f"{RESULTS}/fits.parquet",
    log:
        f"{RESULTS}/logs/fits.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=code_of("isoloss.jobs.fits"),
    message:
        "Joining the fits of all studies"
    shell:
        "python -m isoloss.runtime.job fits --fits {input.fits} --out {output} > {log} 2>&1"


# Not a part of everything, because it downloads. Once made, it is in the report.
rule audit:
    input:
        registry=local("config/audit.yaml"),
    output:
        f"{RESULTS}/audit.json",
    log:
        f"{RESULTS}/logs/audit.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=code_of("isoloss.jobs.audit"),
        downloads=lambda wildcards: f"{RESULTS}/audit",
    message:
        "Refitting published tables"
    shell:
        "python -m isoloss.runtime.job audit --registry {input.registry} --downloads {params.downloads}"
        " --out {output} > {log} 2>&1"

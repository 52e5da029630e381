# The runs of each study, and of all studies, as tables.


rule plan:
    input:
        extensions=EXTENSIONS,
    output:
        f"{RESULTS}/studies/{{study}}/plan.json",
    log:
        f"{RESULTS}/logs/plan/{{study}}.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=code_of("isoloss.jobs.plan"),
        grid=lambda wildcards: ISOLOSS.grid(wildcards.study),
        corpora=lambda wildcards: ISOLOSS.corpora_json(wildcards.study),
    message:
        "Listing the runs of {wildcards.study}"
    shell:
        "python -m isoloss.runtime.job plan --grid {params.grid:q} --corpora {params.corpora:q}"
        " --out {output} > {log} 2>&1"


rule collect:
    input:
        tables=lambda wildcards: tables_of(wildcards.study),
        extensions=EXTENSIONS,
    output:
        runs=f"{RESULTS}/studies/{{study}}/runs.parquet",
        curves=f"{RESULTS}/studies/{{study}}/curves.parquet",
        evaluations=f"{RESULTS}/studies/{{study}}/evaluations.parquet",
    log:
        f"{RESULTS}/logs/collect/{{study}}.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=code_of("isoloss.jobs.collect"),
        study=lambda wildcards: ISOLOSS.source(wildcards.study),
        studies=lambda wildcards: f"{RESULTS}/studies",
        runs=lambda wildcards: f"{RESULTS}/runs",
        out=lambda wildcards, output: os.path.dirname(output.runs),
        # Runs that were set aside are trained again, because this changes.
        superseded=lambda wildcards: ISOLOSS.superseded(wildcards.study),
    message:
        "Collecting the runs of {wildcards.study}"
    shell:
        "python -m isoloss.runtime.job collect --study {params.study:q} --studies-folder {params.studies}"
        " --runs-folder {params.runs} --out {params.out} > {log} 2>&1"


rule losses:
    input:
        runs=[ISOLOSS.study(study, "runs.parquet") for study in ISOLOSS.studies],
    output:
        f"{RESULTS}/losses.parquet",
    log:
        f"{RESULTS}/logs/losses.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=code_of("isoloss.jobs.losses"),
    message:
        "Joining the runs of all studies"
    shell:
        "python -m isoloss.runtime.job losses --runs {input.runs} --out {output} > {log} 2>&1"


rule complete:
    input:
        runs=ISOLOSS.trained(),
    output:
        f"{RESULTS}/complete.json",
    log:
        f"{RESULTS}/logs/complete.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=code_of("isoloss.jobs.complete"),
        may_diverge=lambda wildcards: ISOLOSS.may_diverge(),
    message:
        "Looking for runs without a result"
    shell:
        "python -m isoloss.runtime.job complete --runs {input.runs} --may-diverge {params.may_diverge:q}"
        " --out {output} > {log} 2>&1"

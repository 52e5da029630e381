# What is made of a study's runs beside fitted laws: a job for each analysis.


rule analyse:
    input:
        runs=f"{RESULTS}/studies/{{study}}/runs.parquet",
        curves=f"{RESULTS}/studies/{{study}}/curves.parquet",
        evaluations=f"{RESULTS}/studies/{{study}}/evaluations.parquet",
        done=lambda wildcards: ISOLOSS.done_before(wildcards.study, wildcards.name),
        prediction=lambda wildcards: ISOLOSS.predicted(wildcards.study, wildcards.name),
        extensions=EXTENSIONS,
    output:
        f"{RESULTS}/studies/{{study}}/analyses/{{name}}.parquet",
    log:
        f"{RESULTS}/logs/analyse/{{study}}/{{name}}.log",
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code_of(
            "isoloss.jobs.analyse",
            ISOLOSS.analysis_module(wildcards.study, wildcards.name),
        ),
        analysis=lambda wildcards: ISOLOSS.analysis_json(
            wildcards.study, wildcards.name
        ),
    message:
        "Analysing {wildcards.study}/{wildcards.name}"
    shell:
        "python -m isoloss.runtime.job analyse --study {wildcards.study}"
        " --analysis {params.analysis:q} --runs {input.runs} --curves {input.curves}"
        " --evaluations {input.evaluations} --done {input.done} --prediction={input.prediction} --out {output} > {log} 2>&1"


rule analyses:
    input:
        analyses=lambda wildcards: ISOLOSS.each_analysis(wildcards.study),
    output:
        f"{RESULTS}/studies/{{study}}/analyses.parquet",
    log:
        f"{RESULTS}/logs/analyses/{{study}}.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=code_of("isoloss.jobs.analyses"),
    message:
        "Joining the analyses of {wildcards.study}"
    shell:
        "python -m isoloss.runtime.job analyses --analyses {input.analyses} --out {output}"
        " > {log} 2>&1"

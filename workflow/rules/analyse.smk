# What is made of a study's runs beside fitted laws.


rule analyse:
    input:
        runs=f"{RESULTS}/studies/{{study}}/runs.parquet",
        curves=f"{RESULTS}/studies/{{study}}/curves.parquet",
        prediction=lambda wildcards: ISOLOSS.predictions_of(wildcards.study),
        code=sources("isoloss.jobs.analyse"),
    output:
        f"{RESULTS}/studies/{{study}}/analyses.parquet",
    log:
        f"{RESULTS}/logs/analyse/{{study}}.log",
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        analyses=lambda wildcards: ISOLOSS.analyses(wildcards.study),
    message:
        "Analysing the runs of {wildcards.study}"
    shell:
        "python -m isoloss.runtime.job analyse --study {wildcards.study} --analyses {params.analyses:q}"
        " --runs {input.runs} --curves {input.curves} --prediction={input.prediction}"
        " --out {output} > {log} 2>&1"

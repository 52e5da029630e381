# One job a run.


rule train:
    input:
        corpus=lambda wildcards: ISOLOSS.corpus_of(wildcards.run_id),
    output:
        curve=f"{RESULTS}/runs/{{run_id}}/curve.parquet",
        row=f"{RESULTS}/runs/{{run_id}}/row.json",
        about=f"{RESULTS}/runs/{{run_id}}/about.json",
    log:
        f"{RESULTS}/logs/runs/{{run_id}}.log",
    # The longest runs first, so that none is left alone at the end.
    priority: lambda wildcards: ISOLOSS.priority(wildcards.run_id)
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=lambda wildcards, attempt: attempt
        * ISOLOSS.runtime_min(wildcards.run_id),
    params:
        settings=lambda wildcards: ISOLOSS.settings(wildcards.run_id),
        seed=lambda wildcards: ISOLOSS.planned(wildcards.run_id).seed,
        corpus=lambda wildcards: ISOLOSS.corpus_option(wildcards.run_id),
        folder=lambda wildcards, output: os.path.dirname(output.row),
    message:
        "Training {wildcards.run_id}"
    shell:
        "python -m isoloss.job train --run-id {wildcards.run_id} --settings {params.settings:q}"
        " --seed {params.seed} {params.corpus} --folder {params.folder} > {log} 2>&1"

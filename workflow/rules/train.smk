# One job a run, and one for each piece of a trunk that runs go on from. A job that is ended before its
# time keeps its state in results/checkpoints, and goes on from it when it is started again. On a GPU,
# one job may train a stack of runs; each run's own job then takes its part.


rule stack:
    input:
        quick(lambda wildcards: ancient(inputs_of_stack(wildcards.stack_id))),
    output:
        f"{RESULTS}/stacks/{{stack_id}}.json",
    log:
        f"{RESULTS}/logs/stacks/{{stack_id}}.log",
    priority: quick(lambda wildcards: ISOLOSS.priority_of_stack(wildcards.stack_id))
    group:
        quick(lambda wildcards: group_of(wildcards.stack_id))
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: mem_mb(wildcards.stack_id, attempt),
        runtime=lambda wildcards, attempt: runtime_min(wildcards.stack_id, attempt),
        gpu=cluster.gpus(ISOLOSS.config.device),
        gpu_percent=lambda wildcards: ISOLOSS.resources(wildcards.stack_id).gpu_percent,
    params:
        # Functions of `input`, so that Snakemake keeps no record of them: fewer jobs are left each time.
        jobs=quick(
            lambda wildcards, input: ISOLOSS.argument(
                ISOLOSS.jobs_of_stack(wildcards.stack_id),
                write=not SNAKEMAKE.is_dry_run,
            )
        ),
        corpus=quick(
            lambda wildcards, input: ISOLOSS.corpus_option_of_stack(wildcards.stack_id)
        ),
    message:
        "Training {wildcards.stack_id}"
    shell:
        "ISOLOSS_MEMORY_MB={resources.mem_mb} exec"
        ' python -S -E "$ISOLOSS_CLIENT" stack --jobs {params.jobs:q} {params.corpus} --out {output}'
        " > {log} 2>&1"


rule trunk:
    input:
        # Corpus, trunk, prediction: new ones make nothing stale.
        quick(lambda wildcards: ancient(inputs_of(wildcards.trunk_id))),
        # Not ancient: Snakemake 9.27 passes over a job where all that is made again is ancient.
        stack=quick(lambda wildcards: stack_of(wildcards.trunk_id)),
    output:
        # Beside the state, and lost where nothing is shared unless it is named.
        *[f"{RESULTS}/trunks/{{trunk_id}}.json"] * SNAKEMAKE.has_storage,
        state=f"{RESULTS}/trunks/{{trunk_id}}.safetensors",
    log:
        f"{RESULTS}/logs/trunks/{{trunk_id}}.log",
    priority: quick(lambda wildcards: ISOLOSS.priority(wildcards.trunk_id))
    group:
        quick(lambda wildcards: group_of(wildcards.trunk_id))
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: mem_mb(wildcards.trunk_id, attempt),
        runtime=lambda wildcards, attempt: runtime_min(wildcards.trunk_id, attempt),
        gpu=cluster.gpus(ISOLOSS.config.device),
        gpu_percent=lambda wildcards: ISOLOSS.resources(wildcards.trunk_id).gpu_percent,
    params:
        settings=quick(lambda wildcards: ISOLOSS.settings(wildcards.trunk_id)),
        seed=quick(lambda wildcards: ISOLOSS.seed(wildcards.trunk_id)),
        corpus=quick(lambda wildcards: ISOLOSS.corpus_option(wildcards.trunk_id)),
        checkpoint=quick(
            lambda wildcards: f"{RESULTS}/checkpoints/{wildcards.trunk_id}.safetensors"
        ),
        trunk=quick(lambda wildcards, input: trunk_among(input)),
        stack=quick(lambda wildcards, input: f"--stack={' '.join(input.stack)}"),
    message:
        "Training {wildcards.trunk_id}"
    shell:
        "ISOLOSS_MEMORY_MB={resources.mem_mb} exec"
        ' python -S -E "$ISOLOSS_CLIENT" trunk --trunk-id {wildcards.trunk_id} --settings {params.settings:q}'
        " --seed {params.seed} {params.corpus} --checkpoint {params.checkpoint}"
        " --trunk={params.trunk} {params.stack} --out {output.state} > {log} 2>&1"


rule train:
    input:
        quick(lambda wildcards: ancient(inputs_of(wildcards.run_id))),
        stack=quick(lambda wildcards: stack_of(wildcards.run_id)),
    output:
        curve=f"{RESULTS}/runs/{{run_id}}/curve.parquet",
        row=f"{RESULTS}/runs/{{run_id}}/row.json",
        about=f"{RESULTS}/runs/{{run_id}}/about.json",
    log:
        f"{RESULTS}/logs/runs/{{run_id}}.log",
    # The longest runs first, so that none is left alone at the end.
    priority: quick(lambda wildcards: ISOLOSS.priority(wildcards.run_id))
    group:
        quick(lambda wildcards: group_of(wildcards.run_id))
    conda:
        "../envs/isoloss.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: mem_mb(wildcards.run_id, attempt),
        runtime=lambda wildcards, attempt: runtime_min(wildcards.run_id, attempt),
        gpu=cluster.gpus(ISOLOSS.config.device),
        gpu_percent=lambda wildcards: ISOLOSS.resources(wildcards.run_id).gpu_percent,
    params:
        settings=quick(lambda wildcards: ISOLOSS.settings(wildcards.run_id)),
        seed=quick(lambda wildcards: ISOLOSS.seed(wildcards.run_id)),
        corpus=quick(lambda wildcards: ISOLOSS.corpus_option(wildcards.run_id)),
        checkpoint=quick(
            lambda wildcards: f"{RESULTS}/checkpoints/{wildcards.run_id}.safetensors"
        ),
        trunk=quick(lambda wildcards, input: trunk_among(input)),
        stack=quick(lambda wildcards, input: f"--stack={' '.join(input.stack)}"),
        folder=quick(lambda wildcards, output: os.path.dirname(output.row)),
    message:
        "Training {wildcards.run_id}"
    shell:
        "ISOLOSS_MEMORY_MB={resources.mem_mb} exec"
        ' python -S -E "$ISOLOSS_CLIENT" train --run-id {wildcards.run_id} --settings {params.settings:q}'
        " --seed {params.seed} {params.corpus} --checkpoint {params.checkpoint}"
        " --trunk={params.trunk} {params.stack} --folder {params.folder} > {log} 2>&1"

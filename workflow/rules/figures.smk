# Every figure as PDF and PNG, with the table that it draws and its caption.


rule figure:
    input:
        runs=f"{RESULTS}/studies/{{study}}/runs.parquet",
        curves=f"{RESULTS}/studies/{{study}}/curves.parquet",
        fits=f"{RESULTS}/studies/{{study}}/fits.parquet",
        analyses=lambda wildcards: ISOLOSS.analyses_drawn(
            wildcards.study, wildcards.name
        ),
        extensions=EXTENSIONS,
    output:
        pdf=f"{FIGURES}/{{study}}/{{name}}.pdf",
        png=report(
            f"{FIGURES}/{{study}}/{{name}}.png",
            category="{study}",
            caption="../report/figure.rst",
            labels=lambda wildcards: {
                "figure": ISOLOSS.title(wildcards.study, wildcards.name)
            },
        ),
        table=f"{FIGURES}/{{study}}/{{name}}.csv",
        caption=f"{FIGURES}/{{study}}/{{name}}.json",
    log:
        f"{RESULTS}/logs/figures/{{study}}/{{name}}.log",
    conda:
        "../envs/isoloss.yaml"
    params:
        code=lambda wildcards: code_of(
            "isoloss.jobs.figure",
            ISOLOSS.figure_module(wildcards.study, wildcards.name),
        ),
        figure=lambda wildcards: ISOLOSS.figure(wildcards.study, wildcards.name),
        context=lambda wildcards: ISOLOSS.figure_context(wildcards.study),
        caption=lambda wildcards: ISOLOSS.caption(wildcards.study, wildcards.name),
        stem=lambda wildcards, output: output.pdf.removesuffix(".pdf"),
    message:
        "Drawing {wildcards.study}/{wildcards.name}"
    shell:
        "python -m isoloss.runtime.job figure --figure {params.figure:q} --context {params.context:q}"
        " --runs {input.runs} --curves {input.curves} --fits {input.fits}"
        " --analyses {input.analyses} --stem {params.stem}"
        " > {log} 2>&1"

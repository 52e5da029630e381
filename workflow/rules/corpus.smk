# The text that language models learn, as tokens.

# A job where nothing is shared has no file that is no output, and it checks these too. Not each text
# has a tokenizer, or other texts.
MORE_OF_A_CORPUS = (
    {
        "documents": "documents.tsv",
        "tokenizer": "tokenizer.json",
        "elsewhere": "elsewhere.npy",
    }
    if SNAKEMAKE.has_storage
    else {}
)


rule corpus:
    output:
        **{
            name: f"{RESULTS}/corpora/{{corpus_id}}/{file}"
            for name, file in MORE_OF_A_CORPUS.items()
        },
        card=f"{RESULTS}/corpora/{{corpus_id}}/card.json",
        train=f"{RESULTS}/corpora/{{corpus_id}}/train.npy",
        heldout=f"{RESULTS}/corpora/{{corpus_id}}/heldout.npy",
    log:
        f"{RESULTS}/logs/corpora/{{corpus_id}}.log",
    # Long runs wait for it.
    priority: 10**9
    conda:
        "../envs/isoloss.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        spec=lambda wildcards: ISOLOSS.spec(wildcards.corpus_id),
        downloads=lambda wildcards: f"{RESULTS}/downloads",
        out=lambda wildcards, output: os.path.dirname(output.card),
    message:
        "Preparing the corpus {wildcards.corpus_id}"
    shell:
        "python -m isoloss.runtime.job corpus --spec {params.spec:q} --corpus-id {wildcards.corpus_id}"
        " --downloads {params.downloads} --out {params.out} > {log} 2>&1"
        + (" && touch {output}" if MORE_OF_A_CORPUS else "")

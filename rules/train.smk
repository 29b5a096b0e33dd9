# The chosen settings of a recipe on one block of evaluation seeds.
rule train:
    input:
        inputs("train"),
    output:
        "results/store/train/{unit}.zarr.zip",
    log:
        "results/logs/train/{unit}.log",
    benchmark:
        "results/benchmarks/train/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("train", 2500),
        runtime=minutes("train", 60),
        gpu=gpus(),
    params:
        options=options("train"),
        label=label("train"),
    message:
        "{params.label}"
    shell:
        "imprint train {params.options} --out {output:q} > {log:q} 2>&1"

# All settings of a recipe on the tuning seeds.
rule search:
    input:
        inputs("search"),
    output:
        "results/store/search/{unit}.zarr.zip",
    log:
        "results/logs/search/{unit}.log",
    benchmark:
        "results/benchmarks/search/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("search", 2500),
        runtime=minutes("search", 60),
        gpu=gpus(),
    params:
        options=options("search"),
        label=label("search"),
    message:
        "{params.label}"
    shell:
        "imprint search {params.options} --out {output:q} > {log:q} 2>&1"

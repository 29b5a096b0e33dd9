# One probe on one solution.
rule probe:
    input:
        inputs("probe"),
    output:
        "results/store/probe/{unit}.zarr.zip",
    log:
        "results/logs/probe/{unit}.log",
    benchmark:
        "results/benchmarks/probe/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("probe", 2500),
        runtime=minutes("probe", 30),
        gpu=gpus(),
    params:
        options=options("probe"),
        label=label("probe"),
    message:
        "{params.label}"
    shell:
        "imprint probe {params.options} --out {output:q} > {log:q} 2>&1"

# A task's data.
rule data:
    input:
        inputs("data"),
    output:
        "results/store/data/{unit}.zarr.zip",
    log:
        "results/logs/data/{unit}.log",
    benchmark:
        "results/benchmarks/data/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("data", 1500),
        runtime=minutes("data", 20),
    params:
        options=options("data"),
        label=label("data"),
    message:
        "{params.label}"
    shell:
        "imprint data {params.options} --out {output:q} > {log:q} 2>&1"

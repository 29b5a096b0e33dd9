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
    params:
        options=options("data"),
        label=label("data"),
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=20,
    conda:
        "../envs/imprint.yaml"
    message:
        "{params.label}"
    shell:
        "imprint data {params.options} --out {output:q} > {log:q} 2>&1"

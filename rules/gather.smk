# All measurements under their labels: the atlas.
rule gather:
    input:
        inputs("gather"),
    output:
        "results/store/gather/{unit}.zarr.zip",
    log:
        "results/logs/gather/{unit}.log",
    benchmark:
        "results/benchmarks/gather/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("gather", 2500),
        runtime=minutes("gather", 30),
    params:
        options=options("gather"),
        label=label("gather"),
    message:
        "{params.label}"
    shell:
        "imprint gather {params.options} --out {output:q} > {log:q} 2>&1"

# A named optimizer proves itself on the task's model before anything trains with it.
rule recipe:
    input:
        inputs("recipe"),
    output:
        "results/store/recipe/{unit}.zarr.zip",
    log:
        "results/logs/recipe/{unit}.log",
    benchmark:
        "results/benchmarks/recipe/{unit}.jsonl"
    params:
        options=options("recipe"),
        label=label("recipe"),
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=10,
    conda:
        "../envs/imprint.yaml"
    message:
        "{params.label}"
    shell:
        "imprint recipe {params.options} --out {output:q} > {log:q} 2>&1"

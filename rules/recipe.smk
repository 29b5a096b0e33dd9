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
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("recipe", 1500),
        runtime=minutes("recipe", 10),
    params:
        options=options("recipe"),
        label=label("recipe"),
    message:
        "{params.label}"
    shell:
        "imprint recipe {params.options} --out {output:q} > {log:q} 2>&1"

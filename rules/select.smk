# The settings that the declared rules choose.
rule select:
    input:
        inputs("select"),
    output:
        "results/store/select/{unit}.zarr.zip",
    log:
        "results/logs/select/{unit}.log",
    benchmark:
        "results/benchmarks/select/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("select", 800),
        runtime=minutes("select", 5),
    params:
        options=options("select"),
        label=label("select"),
    message:
        "{params.label}"
    shell:
        "imprint select {params.options} --out {output:q} > {log:q} 2>&1"

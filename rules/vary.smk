# A recipe under the choices of other analysts, on the tuning seeds.
rule vary:
    input:
        inputs("vary"),
    output:
        "results/store/vary/{unit}.zarr.zip",
    log:
        "results/logs/vary/{unit}.log",
    benchmark:
        "results/benchmarks/vary/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("vary", 2500),
        runtime=minutes("vary", 60),
        gpu=gpus(),
    params:
        options=options("vary"),
        label=label("vary"),
    message:
        "{params.label}"
    shell:
        "imprint vary {params.options} --out {output:q} > {log:q} 2>&1"

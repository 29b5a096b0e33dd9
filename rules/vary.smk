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
        mem_mb=memory(2500),
        runtime=60,
    params:
        options=options("vary"),
        label=label("vary"),
    message:
        "{params.label}"
    shell:
        "imprint vary {params.options} --out {output:q} > {log:q} 2>&1"

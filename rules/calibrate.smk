# How often the judging is wrong, and how often right, on replicas of known truth.
rule calibrate:
    input:
        inputs("calibrate"),
    output:
        "results/store/calibrate/{unit}.zarr.zip",
    log:
        "results/logs/calibrate/{unit}.log",
    benchmark:
        "results/benchmarks/calibrate/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("calibrate", 1500),
        runtime=minutes("calibrate", 15),
    params:
        options=options("calibrate"),
        label=label("calibrate"),
    message:
        "{params.label}"
    shell:
        "imprint calibrate {params.options} --out {output:q} > {log:q} 2>&1"

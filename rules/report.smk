# The report.
rule report:
    input:
        inputs("report"),
    output:
        "results/store/report/{unit}.html",
    log:
        "results/logs/report/{unit}.log",
    benchmark:
        "results/benchmarks/report/{unit}.jsonl"
    params:
        options=options("report"),
        label=label("report"),
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=10,
    conda:
        "../envs/imprint.yaml"
    message:
        "{params.label}"
    shell:
        "imprint report {params.options} --out {output:q} > {log:q} 2>&1"

# Every claim's verdict.
rule claims:
    input:
        inputs("claims"),
    output:
        table=report(
            "results/store/claims/{unit}.csv",
            caption="captions/claims.rst",
            category="Verdicts",
            labels={"shows": "Every claim"},
        ),
        seal="results/store/claims/{unit}.seal",
    log:
        "results/logs/claims/{unit}.log",
    benchmark:
        "results/benchmarks/claims/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("claims", 1500),
        runtime=minutes("claims", 15),
    params:
        options=options("claims"),
        label=label("claims"),
    message:
        "{params.label}"
    shell:
        "imprint claims {params.options} --out {output.table:q} > {log:q} 2>&1"

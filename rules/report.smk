# The report.
rule report:
    input:
        inputs("report"),
    output:
        page=report(
            "results/store/report/{unit}.html",
            caption="captions/report.rst",
            category="Report",
            labels={"shows": "The study's page"},
        ),
        seal="results/store/report/{unit}.seal",
    log:
        "results/logs/report/{unit}.log",
    benchmark:
        "results/benchmarks/report/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("report", 1500),
        runtime=minutes("report", 10),
    params:
        options=options("report"),
        label=label("report"),
    message:
        "{params.label}"
    shell:
        "imprint report {params.options} --out {output.page:q} > {log:q} 2>&1"

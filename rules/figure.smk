# One figure.
rule figure:
    input:
        inputs("figure"),
    output:
        svg=report(
            "results/store/figure/{unit}.svg",
            caption="captions/figure.rst",
            category=shown("category"),
            labels=shown("labels"),
        ),
        png="results/store/figure/{unit}.png",
        csv="results/store/figure/{unit}.csv",
        seal="results/store/figure/{unit}.seal",
    log:
        "results/logs/figure/{unit}.log",
    benchmark:
        "results/benchmarks/figure/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("figure", 1500),
        runtime=minutes("figure", 10),
    params:
        options=options("figure"),
        label=label("figure"),
        caption=shown("caption"),
    message:
        "{params.label}"
    shell:
        "imprint figure {params.options} --out {output.svg:q} > {log:q} 2>&1"

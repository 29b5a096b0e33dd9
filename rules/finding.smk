# The page of one experiment.
rule finding:
    input:
        inputs("finding"),
    output:
        page="results/store/finding/{unit}.md",
        png="results/store/finding/{unit}.png",
        csv="results/store/finding/{unit}.csv",
        seal="results/store/finding/{unit}.seal",
    log:
        "results/logs/finding/{unit}.log",
    benchmark:
        "results/benchmarks/finding/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("finding", 1500),
        runtime=minutes("finding", 10),
    params:
        options=options("finding"),
        label=label("finding"),
    message:
        "{params.label}"
    shell:
        "imprint finding {params.options} --out {output.page:q} > {log:q} 2>&1"

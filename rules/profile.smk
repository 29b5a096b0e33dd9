# The page of a recipe that is profiled.
rule profile:
    input:
        inputs("profile"),
    output:
        page="results/store/profile/{unit}.html",
        csv="results/store/profile/{unit}.csv",
        seal="results/store/profile/{unit}.seal",
    log:
        "results/logs/profile/{unit}.log",
    benchmark:
        "results/benchmarks/profile/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("profile", 1500),
        runtime=minutes("profile", 10),
    params:
        options=options("profile"),
        label=label("profile"),
    message:
        "{params.label}"
    shell:
        "imprint profile {params.options} --out {output.page:q} > {log:q} 2>&1"

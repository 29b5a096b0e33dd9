# The verdict of every contrast under the choices of other analysts.
rule multiverse:
    input:
        inputs("multiverse"),
    output:
        "results/store/multiverse/{unit}.csv",
    log:
        "results/logs/multiverse/{unit}.log",
    benchmark:
        "results/benchmarks/multiverse/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("multiverse", 1500),
        runtime=minutes("multiverse", 15),
    params:
        options=options("multiverse"),
        label=label("multiverse"),
    message:
        "{params.label}"
    shell:
        "imprint multiverse {params.options} --out {output:q} > {log:q} 2>&1"

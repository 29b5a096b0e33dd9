# The verdict of every contrast under the choices of other analysts.
rule multiverse:
    input:
        inputs("multiverse"),
    output:
        table=report(
            "results/store/multiverse/{unit}.csv",
            caption="captions/multiverse.rst",
            category="Verdicts",
            labels={"shows": "Every contrast under other choices"},
        ),
        seal="results/store/multiverse/{unit}.seal",
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
        "imprint multiverse {params.options} --out {output.table:q} > {log:q} 2>&1"

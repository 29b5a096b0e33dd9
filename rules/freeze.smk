# The plan, written down once: what everything after works from.
rule freeze:
    output:
        "results/store/plan/{unit}.json",
    log:
        "results/logs/plan/{unit}.log",
    benchmark:
        "results/benchmarks/plan/{unit}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("freeze", 500),
        runtime=minutes("freeze", 5),
    params:
        study=plan.study.name,
        device=plan.study.device,
        label=label("plan"),
    message:
        "{params.label}"
    shell:
        "imprint freeze --study {params.study:q} --device {params.device} --out {output:q} > {log:q} 2>&1"

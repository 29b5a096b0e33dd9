# The study's products under their fixed names; they are kept until the new ones are there.
rule publish:
    input:
        [ancient(path) for path in planning.input_paths(plan, plan.final)],
    output:
        receipt=plan.final.path,
        products=update(planning.published(plan)),
    log:
        f"results/logs/publish/{plan.final.name}.log",
    benchmark:
        f"results/benchmarks/publish/{plan.final.name}.jsonl"
    conda:
        "../envs/imprint.yaml"
    threads: 1
    resources:
        mem_mb=memory("publish", 1500),
        runtime=minutes("publish", 10),
    params:
        options=planning.command(plan, plan.final),
        label=plan.final.label,
    message:
        "{params.label}"
    shell:
        "imprint publish {params.options} --out {output.receipt:q} > {log:q} 2>&1"

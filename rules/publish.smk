# The study's products under their fixed names.
rule publish:
    input:
        [ancient(path) for path in planning.input_paths(plan, plan.final)],
    output:
        receipt=plan.final.path,
        report=f"results/{plan.study.name}/report.html",
        claims=f"results/{plan.study.name}/claims.csv",
        index=f"results/{plan.study.name}/index.csv",
    log:
        f"results/logs/publish/{plan.final.name}.log",
    benchmark:
        f"results/benchmarks/publish/{plan.final.name}.jsonl"
    params:
        options=planning.command(plan, plan.final),
        label=plan.final.label,
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=10,
    conda:
        "../envs/imprint.yaml"
    message:
        "{params.label}"
    shell:
        "imprint publish {params.options} --out {output.receipt:q} > {log:q} 2>&1"

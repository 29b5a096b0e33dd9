"""imprint: from data to verdicts. The study is declared in config.yaml, recipes.yaml and experiments/*.yaml."""

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from imprint import plan as planning
from imprint import register, runs
from imprint.errors import ImprintError

min_version("9.19")

try:
    plan = planning.build(Path("."), config.get("study"), config.get("device"))
except ImprintError as error:
    raise WorkflowError(str(error))


report: "rules/captions/study.rst"


onstart:
    runs.start(Path("."))
    register.record(planning.frozen(plan), Path("results"))


wildcard_constraints:
    unit=r"[A-Za-z0-9_.\-]+",


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/recipe.smk"
include: "rules/search.smk"
include: "rules/select.smk"
include: "rules/train.smk"
include: "rules/vary.smk"
include: "rules/probe.smk"
include: "rules/freeze.smk"
include: "rules/gather.smk"
include: "rules/claims.smk"
include: "rules/multiverse.smk"
include: "rules/calibrate.smk"
include: "rules/figure.smk"
include: "rules/report.smk"
include: "rules/finding.smk"
include: "rules/profile.smk"
include: "rules/publish.smk"


localrules:
    all,
    freeze,


rule all:
    default_target: True
    input:
        plan.final.path,
        planning.published(plan),

# What all rules share: how a unit's inputs and command line follow from the plan.
import inspect
import sys

from imprint import group, plugins


def signed(function):
    """Decorator: write a function's signature on it. Snakemake asks for it ten times per job, and looks long for it."""
    function.__signature__ = inspect.signature(function)
    return function


def inputs(stage):
    """Input function of a stage: the files that a unit reads. Names hold their digests, so their dates do not count."""

    @signed
    def paths(wildcards):
        unit = plan.unit(stage, wildcards.unit)
        return [ancient(path) for path in planning.input_paths(plan, unit)]

    return paths


def options(stage):
    """Parameter function of a stage: the command line that makes a unit."""

    @signed
    def text(wildcards):
        return planning.command(plan, plan.unit(stage, wildcards.unit))

    return text


def label(stage):
    """Parameter function of a stage: what a person calls a unit."""

    @signed
    def text(wildcards):
        return plan.unit(stage, wildcards.unit).label

    return text


def shown(what):
    """Function of a figure for Snakemake's report: its caption, the category it is in, or its labels."""

    @signed
    def told(wildcards):
        spec = plan.unit("figure", wildcards.unit).spec
        literals = plugins.find("figures", spec["figure"]).literals
        return {
            "caption": literals["CAPTION"],
            "category": spec["experiment"] or "Verdicts",
            "labels": {"shows": literals["TITLE"]},
        }[what]

    return told


def memory(stage, megabytes):
    """Resource function of a stage: the memory of a first attempt unless the study says another, more at later ones."""
    return growing(stage, "mem_mb", megabytes)


def minutes(stage, number):
    """Resource function of a stage: its time limit, alike."""
    return growing(stage, "runtime", number)


def growing(stage, key, default):
    """Resource function: a number that is multiplied by the attempt."""
    needs = plan.study.resources.get(stage)
    first = (needs and getattr(needs, key)) or default

    @signed
    def amount(wildcards, attempt):
        return first * attempt

    return amount


def gpus():
    """Number of GPUs that a job of a stage asks for which computes where the study says."""
    return int(plan.study.device == "cuda")


# a job ends when this process is gone: imprint.parent
PREFIX = "set -euo pipefail; export IMPRINT_PARENT=$PPID; "
if gpus() and "gpu" in workflow.global_resources and not workflow.remote_exec:
    # profiles/gpu: at most so many jobs on this machine's GPUs, and each takes a slot (imprint.slots)
    PREFIX += f"export IMPRINT_GPU_SLOTS={workflow.global_resources['gpu'].value}; "
shell.prefix(PREFIX)

if workflow.remote_exec and "--local-groupid" in sys.argv:
    # in an allocation, with several jobs that were put together
    group.serve()

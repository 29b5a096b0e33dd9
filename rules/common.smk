# What all rules share: how a unit's inputs and command line follow from the plan.


def inputs(stage):
    """Input function of a stage: the files that a unit reads. Names hold their digests, so their dates do not count."""

    def paths(wildcards):
        unit = plan.unit(stage, wildcards.unit)
        return [ancient(path) for path in planning.input_paths(plan, unit)]

    return paths


def options(stage):
    """Parameter function of a stage: the command line that makes a unit."""

    def text(wildcards):
        return planning.command(plan, plan.unit(stage, wildcards.unit))

    return text


def label(stage):
    """Parameter function of a stage: what a person calls a unit."""

    def text(wildcards):
        return plan.unit(stage, wildcards.unit).label

    return text


def memory(megabytes):
    """Resource function: more memory at every attempt."""

    def amount(wildcards, attempt):
        return megabytes * attempt

    return amount

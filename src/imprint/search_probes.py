"""Which of an experiment's probes measure the solutions of its searches as well."""

from imprint import plugins
from imprint.errors import StudyError, nearest
from imprint.schema import Experiment

LACKING = {
    "snapshots": "snapshots on the way, and a search keeps the ends of its tasks alone",
    "optimizer_state": "the optimizer's state, which a search does not keep",
    "update": "the last update, which a search does not keep",
}
"""What a probe's ``KEPT`` may name, in words."""


def lacking(probe: str) -> str:
    """Return why a probe cannot measure a search, empty if it can.

    >>> lacking("sparsity"), lacking("connectivity")
    ('', 'looks across recipes, whose searches have different settings')
    """
    declared = plugins.find("probes", probe).literals
    if declared.get("ACROSS"):
        return "looks across recipes, whose searches have different settings"
    wanted = [LACKING[name] for name in declared.get("KEPT", ())]
    return f"needs {'; '.join(wanted)}" if wanted else ""


def chosen(experiment: Experiment) -> list[str]:
    """Return the probes of an experiment's searches, by name: those declared, of ``all`` those that can."""
    wanted = experiment.search.probes if experiment.search else None
    able = [probe for probe in experiment.probe_options if not lacking(probe)] if wanted == "all" else wanted
    return sorted(able or [])


def left_out(experiment: Experiment) -> dict[str, str]:
    """Return the probes that ``all`` does not stand for, with the reasons."""
    if experiment.search is None or experiment.search.probes != "all":
        return {}
    return {probe: why for probe in sorted(experiment.probe_options) if (why := lacking(probe))}


def check(experiment: Experiment) -> None:
    """Refuse probes that are not the experiment's, or that cannot measure a search.

    Raises:
        StudyError: naming the key, the probe and what to do.
    """
    wanted = experiment.search.probes if experiment.search else None
    if wanted is None:
        return
    for probe in [] if wanted == "all" else wanted:
        if probe not in experiment.probe_options:
            raise StudyError(
                f"search.probes: {probe!r} is not one of this experiment's probes; "
                f"{nearest(probe, experiment.probe_options)}"
            )
        if wanted.count(probe) > 1:
            raise StudyError(f"search.probes: {probe!r} is given twice; keep one")
        if why := lacking(probe):
            raise StudyError(f"search.probes: {probe!r} {why}; take it out")
    if not chosen(experiment):
        raise StudyError("search.probes: all of this experiment's probes need what a search lacks; take the key out")

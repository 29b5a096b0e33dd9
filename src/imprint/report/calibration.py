"""The section "how far to trust this page": what the calibration found, and which experiments it is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from imprint.claims import trust
from imprint.claims.trust import Figure


@dataclass(frozen=True)
class Calibration:
    """The figures of the judging on a number of seeds, and their store."""

    seeds: int
    figures: list[Figure]
    store: str


def section(calibrations: Sequence[Calibration], experiments: list[dict]) -> dict:
    """Return what the page says of its own judging.

    Returns:
        ``parts``: one for each number of seeds, with the checks and their figures; ``failed``: how many figures are
        out of their range; ``missing``: experiments, with their seeds, that nothing was calibrated for.
    """
    known = {calibration.seeds for calibration in calibrations}
    missing = [f"{each['name']} ({len(each['seeds'])})" for each in experiments if len(each["seeds"]) not in known]
    parts = [_part(calibration) for calibration in calibrations]
    return {"parts": parts, "failed": sum(len(part["failed"]) for part in parts), "missing": missing}


def marks(calibrations: Sequence[Calibration]) -> dict[int, dict[str, str]]:
    """Return what to add to a flag, by the number of seeds and the flag's first word: the least coverage measured."""
    found: dict[int, dict[str, str]] = {}
    for calibration in calibrations:
        covered = [figure for figure in calibration.figures if figure.check == "covered_alone" and figure.mark]
        found[calibration.seeds] = {
            mark: f"{100 * min(figure.value for figure in covered if figure.mark == mark):.0f} %"
            for mark in dict.fromkeys(figure.mark for figure in covered)
        }
    return found


def _part(calibration: Calibration) -> dict:
    checks = []
    for check, words in trust.CHECKS.items():
        own = [_row(figure) for figure in calibration.figures if figure.check == check]
        checks += [{"says": words, "figures": own}] if own else []
    failed = [trust.told(figure) for figure in calibration.figures if not trust.holds(figure)]
    head = {"seeds": calibration.seeds, "store": calibration.store, "summary": trust.summary(calibration.figures)}
    return {**head, "checks": checks, "failed": failed}


def _row(figure: Figure) -> dict:
    return {
        "subject": figure.subject or "all measures",
        "value": f"{figure.value:.3g}",
        "allowed": trust.allowed(figure),
        "holds": trust.holds(figure),
        "mark": figure.mark,
    }

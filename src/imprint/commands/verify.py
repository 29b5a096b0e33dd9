"""``imprint verify A B``: compares two results trees, such as those of two machines."""

import argparse
from pathlib import Path

import numpy as np

from imprint.compare import Arrays, Judged, Tolerance, arrays, judged, studies
from imprint.errors import ImprintError

SHOWN = 10


def main(argv: list[str]) -> int:
    """Print what differs; exit 0 only if all verdicts are equal and all estimates within the tolerance.

    Raises:
        ImprintError: if a folder holds no published study, or a store is damaged.
    """
    parser = argparse.ArgumentParser(prog="imprint verify", description=__doc__)
    parser.add_argument("one", type=Path, help="a published study such as results/quick, or a results folder")
    parser.add_argument("other", type=Path, help="the same of another machine, folder or time")
    parser.add_argument("--relative", type=float, default=1e-3, help="tolerance of estimates and their intervals")
    parser.add_argument("--absolute", type=float, default=1e-6, help="is added to it")
    parser.add_argument("--exact", action="store_true", help="differ if any array is not equal bit for bit")
    arguments = parser.parse_args(argv)
    tolerance = Tolerance(arguments.relative, arguments.absolute)
    equal = True
    for name, one, other in pairs(studies(arguments.one), studies(arguments.other)):
        verdicts, stages = judged(one, other, tolerance), arrays(one, other)
        print(f"study {name}: {one}, {other}")
        print("\n".join([*of_claims(verdicts, tolerance), *of_arrays(stages)]))
        equal &= not (verdicts.verdicts or verdicts.estimates or verdicts.alone)
        equal &= not arguments.exact or not any(stage.differing or stage.alone for stage in stages.values())
    print("equal" if equal else "different")
    return 0 if equal else 1


def pairs(one: dict[str, Path], other: dict[str, Path]) -> list[tuple[str, Path, Path]]:
    """Return the studies to compare: of one name, or the one that each tree has.

    Raises:
        ImprintError: if a study is in one tree only.
    """
    if len(one) == len(other) == 1:
        return [(" and ".join(dict.fromkeys((*one, *other))), *one.values(), *other.values())]
    if alone := sorted(set(one) ^ set(other)):
        raise ImprintError(f"{', '.join(alone)}: in one of the two trees only; give the folder of one study of each")
    return [(name, one[name], other[name]) for name in one]


def of_claims(found: Judged, tolerance: Tolerance) -> list[str]:
    """Return the lines on verdicts and estimates."""
    within = f"within {tolerance.relative:g} of their size + {tolerance.absolute:g}"
    return [
        f"verdicts: {found.rows - len(found.verdicts)} of {found.rows} equal",
        *(f"  {line}" for line in found.verdicts),
        f"estimates and intervals: {found.rows - len(found.estimates)} of {found.rows} {within}",
        *(f"  {line}" for line in found.estimates),
        *(f"  {line}" for line in found.alone),
    ]


def of_arrays(stages: dict[str, Arrays]) -> list[str]:
    """Return the lines on arrays: by stage, how many are equal bit for bit, and those that differ most."""
    lines = []
    for stage, found in stages.items():
        lines.append(f"arrays of {stage}: {found.total - len(found.differing)} of {found.total} equal bit for bit")
        worst = sorted(found.differing, key=lambda name: -found.differing[name])
        lines += [f"  {name}: {_apart(found.differing[name])}" for name in worst[:SHOWN]]
        lines += [f"  and {len(worst) - SHOWN} more that differ less"] if len(worst) > SHOWN else []
        lines += [f"  {line}" for line in found.alone]
    return lines


def _apart(share: float) -> str:
    return (
        f"{share:.2g} of its largest value apart" if np.isfinite(share) else "another shape, or values of another kind"
    )

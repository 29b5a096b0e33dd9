"""One axis for all verdicts: effects in units of each claim's margin, linear between -1 and 1, logarithmic outside."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from imprint.figures.verdicts import SYMMETRIC, expected, standardized

LEAST, MOST = 10.0, 1000.0
"""Where the axis ends at least and at most; what lies beyond is drawn at its edge."""


@dataclass(frozen=True)
class Axis:
    """Places on an axis from ``-reach`` to ``reach``, in per cent of its width."""

    reach: float

    @classmethod
    def of(cls, rows: Iterable[dict]) -> "Axis":
        """Return the axis on which all rows of the table of verdicts find place."""
        values = [abs(value) for row in rows for value in standardized(row) if math.isfinite(value)]
        return cls(min(MOST, 10 ** math.ceil(math.log10(max([LEAST, *values])))))

    def place(self, value: float) -> float:
        """Return where a value lies.

        >>> axis = Axis(100.0)
        >>> [axis.place(value) for value in (-1000.0, -1.0, 0.0, 10.0)]
        [0.0, 33.3, 50.0, 83.3]
        """
        size = min(abs(value), self.reach)
        share = (size if size <= 1 else 1 + math.log10(size)) / (1 + math.log10(self.reach))
        return round(50 + math.copysign(50 * share, value), 1)

    @property
    def ticks(self) -> list[dict]:
        """Places and words of the powers of ten, and of zero."""
        powers = [10**power for power in range(int(math.log10(self.reach)) + 1)]
        values = [*(-power for power in reversed(powers)), 0, *powers]
        return [{"at": self.place(value), "says": f"{value:g}".replace("-", "−")} for value in values]

    def strip(self, row: dict) -> dict | None:
        """Return the ends of the zone in which a claim says the effect is, of the interval, and the mark.

        None where there is nothing to draw: no estimate.
        """
        at, low, high = standardized(row)
        if not math.isfinite(at):
            return None
        zone = (-1.0, 1.0) if expected(row["expect"])[0] in SYMMETRIC else (0.0, self.reach)
        tested = math.isfinite(low) and math.isfinite(high)
        return {
            "at": self.place(at),
            "says": f"{at:.2g}".replace("-", "−"),
            "zone": [self.place(end) for end in zone],
            "interval": [self.place(low), self.place(high)] if tested else [],
        }

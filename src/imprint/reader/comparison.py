"""A comparison of two recipes: its table, the differences of each seed, and its drawing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from imprint.reader.chosen import MODE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEYS = ["experiment", "probe", "measure", "where", *MODE]
DIFFERENCES = [*KEYS, "seed", "difference"]
TABLE = [
    *KEYS,
    *("n", "seeds", "estimate", "low", "high", "sd", "effect"),
    *("p", "p_adjusted", "family", "unit", "better", "flags"),
]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Differences ``one - other`` of two recipes, paired by seed.

    Attributes:
        one: the recipe of which the other is subtracted.
        other: the recipe that is subtracted.
        table: a row per experiment, measure, further label and place. ``estimate`` is the mean difference over the
            ``n`` seeds that have both, of ``seeds``, in ``unit``; ``low`` and ``high`` are its 90 % interval and ``p``
            its sign-flip test, two-sided, of this row by itself, so that the interval leaves out 0 where p is at most
            0.1; ``effect`` is the estimate over ``sd``, the standard deviation of the differences. ``p_adjusted`` is of
            the joint test of all ``family`` rows of the experiment. ``better`` says which end of the measure is, if
            any. ``flags`` are those of claims: why there is no test, and what else to know.
        differences: a row per seed and row of the table, NaN where a replica has no value.

    Example:
        >>> found = study.compare("muon", "adam", experiments="digits", measures="performance.train_loss")
        >>> row = found.table.iloc[0]
        >>> bool(row["estimate"] == found.differences["difference"].mean()), row["n"].item(), row["better"]
        (True, 6, 'low')
    """

    one: str
    other: str
    table: pd.DataFrame
    differences: pd.DataFrame

    def __repr__(self) -> str:
        """Show the table below what is compared."""
        return f"{self.one} - {self.other}\n{self.table!r}"

    def _repr_html_(self) -> str:
        return f"<p>{self.one} &minus; {self.other}</p>{self.table.to_html()}"

    def plot(self, most: int = 30) -> "Figure":
        """Draw the largest differences in standard deviations over seeds, in the colours of the study's figures.

        A difference that is the same at every seed has no such unit and is in the table alone.

        Args:
            most: rows that are drawn, those of the largest ``effect``.

        Example:
            >>> figure = study.compare("muon", "adam", experiments="digits").plot(most=5)
            >>> sum(len(axes.get_yticklabels()) for axes in figure.axes)
            5
        """
        from imprint.reader.forest import draw

        return draw(self, most)

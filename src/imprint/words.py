"""Numbers in words, for what the console program prints."""

NOTHING_TO_DO = "nothing to do: all results are there and up to date"


def count(number: int, noun: str) -> str:
    """Return a number of things: ``1 job``, ``2 jobs``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def listed(counts: dict[str, int]) -> str:
    """Return numbers by name: ``train 4, probe 8``."""
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def size(number: float) -> str:
    """Return bytes for a reader, in powers of ten: ``0 kB``, ``12 kB``, ``3.4 GB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number / 1e3:.0f} kB"

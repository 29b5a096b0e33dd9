"""The clock of every process with this folder on its path jumps once a file `clock`, with seconds, is in its folder."""

import os
import time
from functools import wraps

HOME = os.environ.get("CLOCK", "")


def jumping(real, unit):
    """Return a clock that is ahead or behind by what the file says."""

    @wraps(real)
    def now():
        try:
            with open(HOME) as file:
                return real() + type(real())(file.read()) * unit
        except FileNotFoundError:
            return real()

    return now


time.time, time.time_ns = jumping(time.time, 1), jumping(time.time_ns, 10**9)

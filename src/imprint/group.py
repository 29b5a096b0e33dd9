"""The warm helper of a group of jobs: on a cluster, several short jobs that are put together in one allocation.

`imprint.warm` serves the machine on which a study was started. A group runs elsewhere, under a Snakemake of its own,
which starts a helper beside itself for its jobs.
"""

import atexit
import os
from contextlib import ExitStack

from imprint import warm

PRELOAD = ("pandas", "scipy.stats", "xarray", "zarr", "torch", "sklearn.datasets", "seaborn")
"""What several of those stages import whose jobs are put together; none of them trains."""


def serve() -> None:
    """Start a helper that ends with this process, and have all commands that this process starts find it."""
    stack = ExitStack()
    os.environ["IMPRINT_WARM"] = stack.enter_context(warm.server(PRELOAD))
    atexit.register(stack.close)

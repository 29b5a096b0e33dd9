"""imprint: what does an optimizer leave on the solution?"""

import importlib
import os

# Without this, MKL's products depend on where in memory a matrix happens to lie, and a replica's weights on its
# neighbours. Measured cost: none. MKL reads it at its first use.
os.environ.setdefault("MKL_CBWR", "AUTO")

# cuBLAS is deterministic only with a fixed workspace, chosen before its first use.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def __getattr__(name: str) -> object:
    """Return ``imprint.open``, imported when it is asked for: stages and planning do not read finished studies."""
    if name == "open":
        return importlib.import_module("imprint.reader.opening").open
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List ``open`` among the names."""
    return [*globals(), "open"]

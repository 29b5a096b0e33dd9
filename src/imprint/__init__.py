"""imprint: what does an optimizer leave on the solution?"""

import os

# Without this, MKL's products depend on where in memory a matrix happens to lie, and a replica's weights on its
# neighbours. Measured cost: none. MKL reads it at its first use.
os.environ.setdefault("MKL_CBWR", "AUTO")

# cuBLAS is deterministic only with a fixed workspace, chosen before its first use.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

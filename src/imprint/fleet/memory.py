"""Keeps freed memory in the process: a fleet frees and asks for the same large tensors at every step."""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST = 2**31 - 1


def keep_freed() -> None:
    """Tell glibc to give no memory back to the system while the process lives; elsewhere nothing.

    By default it returns large blocks at once, and the next step pays a page fault for every 4 KiB of them: measured
    seven times the time of the arithmetic, for a square root and a division of 7.5 MB.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(MMAP_THRESHOLD, LARGEST // 2)
            libc.mallopt(TRIM_THRESHOLD, LARGEST)

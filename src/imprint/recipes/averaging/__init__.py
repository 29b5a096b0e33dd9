"""Averagings: ``begin(weights) -> memory`` and ``average(memory, weights, step) -> memory``, one file each."""

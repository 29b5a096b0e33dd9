"""Decays: ``decay(weights, change, rate) -> change`` or ``regularize(weights, gradient) -> gradient``, a file each."""

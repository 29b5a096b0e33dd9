"""Decays: ``decay(w, dw, lr) -> dw``, one file each."""

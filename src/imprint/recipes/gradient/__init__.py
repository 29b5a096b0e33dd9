"""Gradients: ``gradient(oracle, weights) -> (loss, gradient)``, one file each."""

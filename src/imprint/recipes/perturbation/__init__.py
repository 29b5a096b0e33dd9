"""Perturbations: ``perturb(weights, [gradient]) -> weights``, where the step's gradient is taken, one file each."""

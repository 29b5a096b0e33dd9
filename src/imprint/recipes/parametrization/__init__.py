"""Parametrizations: ``split(weight) -> (trained, fixed)`` and ``weight(trained, fixed)``, one file each."""

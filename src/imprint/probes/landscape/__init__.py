"""Probes of the training loss around the solution."""

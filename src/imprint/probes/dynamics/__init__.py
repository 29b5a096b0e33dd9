"""Probes of the way to the solution."""

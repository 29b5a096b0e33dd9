"""Probes of what a disturbance does to the solution."""

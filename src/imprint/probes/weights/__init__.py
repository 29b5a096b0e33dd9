"""Probes of the weights themselves."""

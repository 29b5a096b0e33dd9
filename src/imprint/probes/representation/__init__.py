"""Probes of the hidden activations."""

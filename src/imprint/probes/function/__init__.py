"""Probes of the function from inputs to logits."""

"""Stages: each a command of the console program, with a spec and inputs in, and one unit out."""
